// The trial of 500 requests is free. Every later one leaves an invoice.
package main

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
)

type invoice struct {
	number int64
	lines  [6]int64
}

type billing struct {
	mu     sync.Mutex
	calls  int
	unpaid []*invoice
	send   bool
}

func (b *billing) call() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.calls <= 500 {
		return
	}
	b.unpaid = append(b.unpaid, &invoice{number: int64(b.calls)})
	if b.send {
		b.unpaid = b.unpaid[:0]
	}
}

func main() {
	mux := http.NewServeMux()
	handle := func(path string, b *billing) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			b.call()
			fmt.Fprintln(w, "called")
		})
	}
	handle("GET /leak", &billing{})
	handle("GET /healthy", &billing{send: true})
	serve.Run(mux)
}
