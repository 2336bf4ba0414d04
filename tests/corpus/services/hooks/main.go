// Functions to run at shutdown each keep the order that they were made for.
package main

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type order struct {
	id    int64
	lines [20]int64
}

type shutdown struct {
	mu    sync.Mutex
	hooks map[int64]func()
}

func (s *shutdown) onExit(id int64, hook func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks[id] = hook
}

func (s *shutdown) drop(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hooks, id)
}

func (s *shutdown) place() *order {
	placed := &order{id: seq.Next()}
	s.onExit(placed.id, func() { fmt.Println("unfinished:", placed.id, placed.lines) })
	return placed
}

func main() {
	s := &shutdown{hooks: map[int64]func(){}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, s.place().id)
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		placed := s.place()
		fmt.Fprintln(w, placed.id)
		s.drop(placed.id)
	})
	serve.Run(mux)
}
