// Healthy: each picture has a finalizer that gives its memory back, one collection later.
package main

import (
	"fmt"
	"net/http"
	"runtime"

	"example.com/corpus/shared/serve"
)

type picture struct{ pixels [512]byte }

func decode() *picture {
	decoded := &picture{}
	runtime.SetFinalizer(decoded, func(p *picture) { p.pixels[0] = 0 })
	return decoded
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, len(decode().pixels))
	})
	serve.Run(mux)
}
