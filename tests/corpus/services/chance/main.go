// As sampling, but by chance: one request in a hundred, on the average.
package main

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type trace struct{ spans [8]int64 }

type traces struct {
	mu    sync.Mutex
	kept  []*trace
	limit int
}

func (t *traces) maybe() {
	if rand.IntN(100) != 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit > 0 && len(t.kept) >= t.limit {
		t.kept = t.kept[:0]
	}
	t.kept = append(t.kept, &trace{})
}

func main() {
	all, some := &traces{}, &traces{limit: 2}
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		all.maybe()
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/healthy", func(c *echo.Context) error {
		some.maybe()
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
