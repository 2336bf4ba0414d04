// Healthy: what is cached expires after 300 ms, and a janitor removes it.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/jellydator/ttlcache/v3"
	"github.com/labstack/echo/v4"
)

type rate struct{ digits [32]byte }

func main() {
	rates := ttlcache.New(ttlcache.WithTTL[int64, *rate](300 * time.Millisecond))
	go rates.Start()
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		rates.Set(seq.Next(), &rate{}, ttlcache.DefaultTTL)
		return c.String(http.StatusOK, "rate")
	})
	serve.Run(e)
}
