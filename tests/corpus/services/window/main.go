// Healthy: requests of the last second are counted, older ones dropped when the next one comes.
package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
)

type window struct {
	mu    sync.Mutex
	times []*time.Time
}

func (w *window) hit() int {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	first := 0
	for first < len(w.times) && now.Sub(*w.times[first]) > time.Second {
		first++
	}
	w.times = append(slices.Delete(w.times, 0, first), &now)
	return len(w.times)
}

func main() {
	hits := &window{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, hits.hit())
	})
	serve.Run(mux)
}
