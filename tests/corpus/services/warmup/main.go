// Healthy: a loader fills memory for three seconds after start-up, whatever requests do.
package main

import (
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type row struct{ cells [16]int64 }

type table struct {
	mu   sync.Mutex
	rows []*row
}

func (t *table) load(until time.Time) {
	for time.Now().Before(until) {
		t.mu.Lock()
		t.rows = append(t.rows, &row{})
		t.mu.Unlock()
		time.Sleep(500 * time.Microsecond)
	}
}

func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rows)
}

func main() {
	t := &table{}
	go t.load(time.Now().Add(3 * time.Second))
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error { return c.JSON(http.StatusOK, t.size()) })
	serve.Run(e)
}
