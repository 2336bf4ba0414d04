// Readings go into slabs of 4 kB, which are never sent. Alarms are rare: one request in 50 keeps
// eight bytes of it.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

const (
	perSlab = 256
	sent    = 8
)

type reading struct {
	at    int64
	value float64
}

type slab struct {
	used     int
	readings [perSlab]reading
}

type collector struct {
	mu    sync.Mutex
	limit int
	full  []*slab
	open  *slab
}

func (c *collector) add(at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil || c.open.used == perSlab-1 {
		c.rotate()
	}
	c.open.readings[c.open.used] = reading{at, float64(at % 90)}
	c.open.used++
}

func (c *collector) rotate() {
	if c.limit > 0 && len(c.full) == c.limit {
		c.open, c.full = c.full[0], append(c.full[:0], c.full[1:]...)
		c.open.used = 0
	} else {
		c.open = newSlab()
	}
	c.full = append(c.full, c.open)
}

func newSlab() *slab { return &slab{} }

type alarms struct {
	mu   sync.Mutex
	at   []int64
	most int
}

func (a *alarms) note(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n%50 != 0 {
		return
	}
	if a.most > 0 && len(a.at) == a.most {
		a.at = a.at[:0]
	}
	a.at = append(a.at, n)
}

func main() {
	kept, few := &collector{}, &collector{limit: sent}
	ever, lately := &alarms{}, &alarms{most: 16}
	e := echo.New()
	handle := func(path string, add func(int64)) {
		e.POST(path, func(c *echo.Context) error {
			add(seq.Next())
			return c.NoContent(http.StatusAccepted)
		})
	}
	handle("/leak-slabs", kept.add)
	handle("/leak-alarms", ever.note)
	handle("/healthy-slabs", few.add)
	handle("/healthy-alarms", lately.note)
	serve.Run(e)
}
