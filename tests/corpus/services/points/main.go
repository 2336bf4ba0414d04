// Two coordinates per request, 16 bytes, are kept for a heat map that nobody asked for.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type point [2]int64

type heatMap struct {
	mu     sync.Mutex
	points []*point
	limit  int
}

func (h *heatMap) add(x, y int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.limit > 0 && len(h.points) == h.limit {
		h.points = h.points[:0]
	}
	h.points = append(h.points, &point{x, y})
}

func main() {
	all, some := &heatMap{}, &heatMap{limit: 100}
	mux := http.NewServeMux()
	handle := func(path string, h *heatMap) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			n := seq.Next()
			h.add(n, -n)
			w.WriteHeader(http.StatusNoContent)
		})
	}
	handle("GET /leak", all)
	handle("GET /healthy", some)
	serve.Run(mux)
}
