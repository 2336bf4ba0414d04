// Healthy: the draft of each of 64 desks, of any size, replaces the one before.
package main

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type desk struct {
	mu    sync.Mutex
	draft []byte
}

var desks [64]desk

func main() {
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		d := &desks[rand.IntN(len(desks))]
		d.mu.Lock()
		defer d.mu.Unlock()
		d.draft = make([]byte, 1+rand.IntN(20_000))
		return c.JSON(http.StatusOK, len(d.draft))
	})
	serve.Run(e)
}
