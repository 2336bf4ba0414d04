// A cache with a janitor is made for each request; the janitor waits for a Stop that never comes.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/jellydator/ttlcache/v3"
	"github.com/labstack/echo/v5"
)

func count(quotas *ttlcache.Cache[int64, int64]) int {
	quotas.Set(seq.Next(), 1, ttlcache.DefaultTTL)
	return quotas.Len()
}

func leak(c *echo.Context) error {
	quotas := ttlcache.New(ttlcache.WithTTL[int64, int64](time.Minute))
	go quotas.Start()
	return c.JSON(http.StatusOK, count(quotas))
}

func main() {
	shared := ttlcache.New(
		ttlcache.WithTTL[int64, int64](time.Minute), ttlcache.WithCapacity[int64, int64](100))
	go shared.Start()
	e := echo.New()
	e.GET("/leak", leak)
	e.GET("/healthy", func(c *echo.Context) error {
		return c.JSON(http.StatusOK, count(shared))
	})
	serve.Run(e)
}
