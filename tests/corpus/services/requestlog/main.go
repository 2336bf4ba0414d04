// A middleware keeps the last requests for the support team, and forgets to cut the list.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type recorder struct {
	mu       sync.Mutex
	limit    int
	requests []*http.Request
}

func (r *recorder) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		r.mu.Lock()
		r.requests = append(r.requests, c.Request())
		if r.limit > 0 && len(r.requests) > r.limit {
			r.requests = append([]*http.Request(nil), r.requests[1:]...)
		}
		r.mu.Unlock()
		return next(c)
	}
}

func ok(c *echo.Context) error { return c.String(http.StatusOK, "ok") }

func main() {
	everything, latest := &recorder{}, &recorder{limit: 50}
	e := echo.New()
	e.GET("/leak", ok, everything.middleware)
	e.GET("/healthy", ok, latest.middleware)
	serve.Run(e)
}
