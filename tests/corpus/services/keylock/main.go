// One lock per account, so that accounts do not wait for each other. No lock is ever dropped.
package main

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type locks struct {
	mu      sync.Mutex
	byOwner map[int64]*sync.Mutex
}

func (l *locks) of(account int64) *sync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock, ok := l.byOwner[account]
	if !ok {
		lock = &sync.Mutex{}
		l.byOwner[account] = lock
	}
	return lock
}

var striped [64]sync.Mutex

func book(lock sync.Locker) {
	lock.Lock()
	defer lock.Unlock()
}

func main() {
	all := &locks{byOwner: map[int64]*sync.Mutex{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		book(all.of(seq.Next()))
		fmt.Fprintln(w, "booked")
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		book(&striped[seq.Next()%64])
		fmt.Fprintln(w, "booked")
	})
	serve.Run(mux)
}
