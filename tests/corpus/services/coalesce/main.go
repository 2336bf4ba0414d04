// Requests for a report that is being made wait for it, and stay in its list of waiters.
package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
)

type waiter struct{ since time.Time }

type report struct {
	mu      sync.Mutex
	done    chan struct{}
	waiters []*waiter
	forget  bool
}

func (r *report) get() {
	r.mu.Lock()
	if done := r.done; done != nil {
		r.waiters = append(r.waiters, &waiter{time.Now()})
		r.mu.Unlock()
		<-done
		return
	}
	done := make(chan struct{})
	r.done = done
	r.mu.Unlock()
	time.Sleep(2 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forget {
		clear(r.waiters)
		r.waiters = r.waiters[:0]
	}
	r.done = nil
	close(done)
}

func main() {
	leaking, corrected := &report{}, &report{forget: true}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		leaking.get()
		fmt.Fprintln(w, "report")
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		corrected.get()
		fmt.Fprintln(w, "report")
	})
	serve.Run(mux)
}
