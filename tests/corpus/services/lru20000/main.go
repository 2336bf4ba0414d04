// Healthy: an LRU of 20,000, larger than what a check waits for unless it is told.
package main

import (
	"log"
	"net/http"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"
)

type tile struct{ pixels [48]byte }

type tiles struct{ cache *lru.Cache[int64, *tile] }

func (t *tiles) render(n int64) *tile {
	rendered := &tile{}
	t.cache.Add(n, rendered)
	return rendered
}

func main() {
	cache, err := lru.New[int64, *tile](20_000)
	if err != nil {
		log.Fatal(err)
	}
	t := &tiles{cache}
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		rendered := t.render(seq.Next())
		return c.Blob(http.StatusOK, "image/x-tile", rendered.pixels[:])
	})
	serve.Run(e)
}
