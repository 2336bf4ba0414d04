// Short names, a few bytes each, share their blocks with other small things.
package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type guests struct {
	mu    sync.Mutex
	names []string
	limit int
}

func (g *guests) enter(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit > 0 && len(g.names) >= g.limit {
		g.names = g.names[:0]
	}
	g.names = append(g.names, name)
}

func main() {
	mux := http.NewServeMux()
	handle := func(path string, g *guests) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			g.enter(strconv.FormatInt(1_000_000+seq.Next(), 10))
			fmt.Fprintln(w, "welcome")
		})
	}
	handle("GET /leak", &guests{})
	handle("GET /healthy", &guests{limit: 20})
	serve.Run(mux)
}
