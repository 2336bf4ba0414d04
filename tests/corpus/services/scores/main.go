// The score of every player of the day, in a map of numbers.
package main

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type board struct {
	mu     sync.Mutex
	scores map[int64]int64
	limit  int
}

func (b *board) set(player, score int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit > 0 && len(b.scores) >= b.limit {
		clear(b.scores)
	}
	b.scores[player] = score
}

func main() {
	day, top := &board{scores: map[int64]int64{}}, &board{scores: map[int64]int64{}, limit: 100}
	mux := http.NewServeMux()
	handle := func(path string, b *board) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			b.set(seq.Next(), 42)
			fmt.Fprintln(w, 42)
		})
	}
	handle("GET /leak", day)
	handle("GET /healthy", top)
	serve.Run(mux)
}
