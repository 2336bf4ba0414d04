// An export waits for a slot that nobody frees, its buffer in its hands.
package main

import (
	"math/rand/v2"
	"net/http"
	"runtime"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

func export(rows int, slots chan struct{}) {
	buffer := make([]byte, rows*64)
	slots <- struct{}{}
	buffer[0] = 1
	runtime.KeepAlive(buffer)
}

func main() {
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		go export(250+rand.IntN(7), make(chan struct{}))
		return c.String(http.StatusAccepted, "exporting")
	})
	e.GET("/healthy", func(c *echo.Context) error {
		go export(250+rand.IntN(7), make(chan struct{}, 1))
		return c.String(http.StatusAccepted, "exporting")
	})
	serve.Run(e)
}
