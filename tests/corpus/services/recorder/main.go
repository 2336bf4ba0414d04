// Healthy for its requests: a job keeps a measurement every 5 ms, and 100,000 of them.
package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
)

type measurement struct{ values [6]float64 }

type history struct {
	mu   sync.Mutex
	last []*measurement
}

func (h *history) record(every time.Duration) {
	for range time.Tick(every) {
		h.mu.Lock()
		h.last = append(h.last, &measurement{})
		if len(h.last) > 100_000 {
			h.last = slices.Delete(h.last, 0, 1)
		}
		h.mu.Unlock()
	}
}

func main() {
	h := &history{}
	go h.record(5 * time.Millisecond)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "recording")
	})
	serve.Run(mux)
}
