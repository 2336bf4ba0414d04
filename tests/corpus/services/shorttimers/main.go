// Healthy: timers that nobody stops, but which run out after 200 ms.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
)

type hold struct{ seat [40]byte }

func (h *hold) release() { h.seat[0] = 0 }

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		held := &hold{}
		time.AfterFunc(200*time.Millisecond, held.release)
		fmt.Fprintln(w, "held")
	})
	serve.Run(mux)
}
