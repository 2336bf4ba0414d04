// A middleware for all routes keeps a span of every request, those to pprof too.
package main

import (
	"net/http"
	_ "net/http/pprof"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type span struct {
	started time.Time
	parent  int64
}

type tracer struct {
	mu    sync.Mutex
	spans []*span
}

func (t *tracer) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		t.mu.Lock()
		t.spans = append(t.spans, &span{started: time.Now()})
		t.mu.Unlock()
		return next(c)
	}
}

func main() {
	t := &tracer{}
	e := echo.New()
	e.Use(t.middleware)
	e.GET("/debug/pprof/*", echo.WrapHandler(http.DefaultServeMux))
	e.GET("/leak", func(c echo.Context) error { return c.String(http.StatusOK, "traced") })
	serve.RunBare(e)
}
