// Who was here during the last half second is in a map, which a sweep keeps small. Beside it, in the
// same function, the time of each visit goes into a slice that nobody empties.
package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

const stay = 500 * time.Millisecond

type visit struct {
	who  string
	seen time.Time
}

type lobby struct {
	mu    sync.Mutex
	here  map[int64]*visit
	times []int64
	most  int
}

func newLobby(most int) *lobby {
	l := &lobby{here: map[int64]*visit{}, most: most}
	go l.sweep()
	return l
}

func (l *lobby) enter(n int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.here[n] = &visit{fmt.Sprint("guest ", n), now}
	if l.most > 0 && len(l.times) == l.most {
		l.times = l.times[:0]
	}
	l.times = append(l.times, now.UnixNano())
	return len(l.here)
}

func (l *lobby) sweep() {
	for now := range time.Tick(stay / 10) {
		l.mu.Lock()
		for n, one := range l.here {
			if now.Sub(one.seen) > stay {
				delete(l.here, n)
			}
		}
		l.mu.Unlock()
	}
}

func main() {
	ever, lately := newLobby(0), newLobby(400)
	mux := http.NewServeMux()
	handle := func(path string, l *lobby) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, l.enter(seq.Next()))
		})
	}
	handle("GET /leak", ever)
	handle("GET /healthy", lately)
	serve.Run(mux)
}
