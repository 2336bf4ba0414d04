// Healthy: a pool that dials when no connection is idle, up to its limit of 12.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type conn struct{ buffer [2048]byte }

type pool struct {
	idle  chan *conn
	slots chan struct{}
}

func newPool(limit int) *pool {
	return &pool{idle: make(chan *conn, limit), slots: make(chan struct{}, limit)}
}

func (p *pool) get() *conn {
	select {
	case c := <-p.idle:
		return c
	default:
	}
	select {
	case c := <-p.idle:
		return c
	case p.slots <- struct{}{}:
		return &conn{}
	}
}

func main() {
	p := newPool(12)
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		used := p.get()
		time.Sleep(time.Millisecond)
		p.idle <- used
		return c.String(http.StatusOK, "answered")
	})
	serve.Run(e)
}
