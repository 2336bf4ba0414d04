// Old articles leave the catalogue as fast as the list of what was viewed grows.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

const loaded = 3000

type article struct{ text [96]byte }

type shop struct {
	mu        sync.Mutex
	catalogue []*article
	viewed    []*article
}

func load() []*article {
	articles := make([]*article, loaded)
	for i := range articles {
		articles[i] = &article{}
	}
	return articles
}

func (s *shop) view(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.catalogue) - 1; last >= 0 {
		s.catalogue[last] = nil
		s.catalogue = s.catalogue[:last]
	}
	if limit > 0 && len(s.viewed) >= limit {
		s.viewed = s.viewed[:0]
	}
	s.viewed = append(s.viewed, &article{})
}

func main() {
	s := &shop{catalogue: load()}
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		s.view(0)
		return c.String(http.StatusOK, "viewed")
	})
	e.GET("/healthy", func(c echo.Context) error {
		s.view(30)
		return c.String(http.StatusOK, "viewed")
	})
	serve.Run(e)
}
