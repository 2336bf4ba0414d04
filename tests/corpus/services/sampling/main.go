// One request in a hundred is kept as a sample, and no sample is ever thrown away.
package main

import (
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type sample struct {
	taken time.Time
	path  string
	body  []byte
}

type sampler struct {
	mu      sync.Mutex
	seen    int
	samples []*sample
	limit   int
}

func (s *sampler) look(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	if s.seen%100 != 0 {
		return
	}
	if s.limit > 0 && len(s.samples) >= s.limit {
		s.samples = s.samples[:0]
	}
	s.samples = append(s.samples, &sample{time.Now(), path, make([]byte, 4096)})
}

func main() {
	all, some := &sampler{}, &sampler{limit: 2}
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		all.look("/leak")
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/healthy", func(c echo.Context) error {
		some.look("/healthy")
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
