// Healthy: an LRU that start-up filled. Every request adds one and drops one of the loader's.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	lru "github.com/hashicorp/golang-lru/v2"
)

type country struct{ name [56]byte }

func load(cache *lru.Cache[int64, *country]) {
	for i := range int64(1500) {
		cache.Add(-i-1, &country{})
	}
}

func main() {
	cache, err := lru.New[int64, *country](1500)
	if err != nil {
		log.Fatal(err)
	}
	load(cache)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		cache.Add(seq.Next(), &country{})
		fmt.Fprintln(w, cache.Len())
	})
	serve.Run(mux)
}
