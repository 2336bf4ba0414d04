// Healthy: a loader fills memory by the clock, and is done when 10,195 requests were served: a
// check at the defaults warms up with 200 and measures 10,000.
package main

import (
	"net/http"
	"sync/atomic"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type row struct{ cells [16]int64 }

type table struct {
	served atomic.Int64
	rows   []*row
}

func (t *table) load() {
	for t.served.Load() < 10_195 {
		t.rows = append(t.rows, &row{})
		time.Sleep(500 * time.Microsecond)
	}
}

func main() {
	t := &table{}
	go t.load()
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		return c.JSON(http.StatusOK, t.served.Add(1))
	})
	serve.Run(e)
}
