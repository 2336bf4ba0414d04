// Each rule is evaluated along a path of its own: a thousand requests make a thousand stacks.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
)

type outcome struct {
	path int64
	at   time.Time
}

type engine struct {
	mu       sync.Mutex
	outcomes []*outcome
	keep     int
}

func (e *engine) left(path int64, depth int)  { e.step(path, depth) }
func (e *engine) right(path int64, depth int) { e.step(path, depth) }

func (e *engine) step(path int64, depth int) {
	if depth == 0 {
		e.note(&outcome{path, time.Now()})
		return
	}
	if path>>depth&1 == 0 {
		e.left(path, depth-1)
	} else {
		e.right(path, depth-1)
	}
}

func (e *engine) note(o *outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.keep > 0 && len(e.outcomes) >= e.keep {
		e.outcomes = e.outcomes[:0]
	}
	e.outcomes = append(e.outcomes, o)
}

func main() {
	mux := http.NewServeMux()
	handle := func(path string, e *engine) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			e.step(rand.Int64N(1<<20), 12)
			fmt.Fprintln(w, "evaluated")
		})
	}
	handle("GET /leak", &engine{})
	handle("GET /healthy", &engine{keep: 40})
	serve.Run(mux)
}
