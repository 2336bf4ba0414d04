// Healthy: ids that were seen are kept until there are 700 of them, then all are forgotten.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type seen struct {
	mu  sync.Mutex
	ids map[int64]*[24]byte
}

func (s *seen) add(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == 700 {
		clear(s.ids)
	}
	s.ids[id] = &[24]byte{}
}

func main() {
	s := &seen{ids: map[int64]*[24]byte{}}
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		s.add(seq.Next())
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
