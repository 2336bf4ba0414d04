// Each connected device gets a heartbeat. Nothing stops it when the device is gone.
package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type device struct{ beats atomic.Int64 }

func (d *device) beat(ticker *time.Ticker) {
	for range ticker.C {
		d.beats.Add(1)
	}
}

func (d *device) beatUntil(ctx context.Context, ticker *time.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.beats.Add(1)
		case <-ctx.Done():
			return
		}
	}
}

func main() {
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		connected := &device{}
		go connected.beat(time.NewTicker(time.Minute))
		return c.JSON(http.StatusOK, connected.beats.Load())
	})
	e.GET("/healthy", func(c *echo.Context) error {
		connected := &device{}
		go connected.beatUntil(c.Request().Context(), time.NewTicker(time.Minute))
		return c.JSON(http.StatusOK, connected.beats.Load())
	})
	serve.Run(e)
}
