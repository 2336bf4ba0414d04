// An early return leaves the shelf's mutex locked; whoever restocks it waits for ever.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
)

type shelf struct {
	mu    sync.Mutex
	items int
}

func (s *shelf) take() error {
	s.mu.Lock()
	if s.items == 0 {
		return errors.New("empty")
	}
	s.items--
	s.mu.Unlock()
	return nil
}

func (s *shelf) takeSafely() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == 0 {
		return errors.New("empty")
	}
	s.items--
	return nil
}

func (s *shelf) restock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items++
}

func main() {
	mux := http.NewServeMux()
	handle := func(path string, take func(*shelf) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			s := &shelf{}
			err := take(s)
			go s.restock()
			fmt.Fprintln(w, err)
		})
	}
	handle("GET /leak", (*shelf).take)
	handle("GET /healthy", (*shelf).takeSafely)
	serve.Run(mux)
}
