// What the last hour's traffic was like: a sample for each tenth of a second in which a request came.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

const (
	step  = 100 * time.Millisecond
	steps = 36_000
	work  = 4 * time.Millisecond
	oneIn = 20
)

type sample struct {
	at     time.Time
	number int64
	slow   [4]float64
}

type hour struct {
	mu    sync.Mutex
	slots []*sample
	times []int64
}

func newHour() *hour {
	return &hour{slots: make([]*sample, steps), times: make([]int64, steps)}
}

func (h *hour) seen(number int64) {
	now := time.Now()
	tick := now.UnixNano() / int64(step)
	h.mu.Lock()
	defer h.mu.Unlock()
	if slot := tick % steps; h.times[slot] != tick {
		h.slots[slot], h.times[slot] = &sample{at: now, number: number}, tick
	}
}

type log struct {
	mu  sync.Mutex
	all []*sample
}

func (l *log) seen(number int64) {
	if rand.IntN(oneIn) == 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, &sample{at: time.Now(), number: number})
	}
}

func main() {
	bounded, unbounded := newHour(), &log{}
	e := echo.New()
	handle := func(path string, seen func(number int64)) {
		e.GET(path, func(c *echo.Context) error {
			time.Sleep(work)
			number := seq.Next()
			seen(number)
			return c.String(http.StatusOK, fmt.Sprint("request ", number))
		})
	}
	handle("/leak", unbounded.seen)
	handle("/healthy", bounded.seen)
	serve.Run(e)
}
