// Healthy: events are collected, and written out every 200 ms.
package main

import (
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type event struct{ payload [72]byte }

type batch struct {
	mu     sync.Mutex
	events []*event
}

func (b *batch) add(e *event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *batch) flush(every time.Duration) {
	for range time.Tick(every) {
		b.mu.Lock()
		b.events = nil
		b.mu.Unlock()
	}
}

func main() {
	b := &batch{}
	go b.flush(200 * time.Millisecond)
	e := echo.New()
	e.GET("/healthy", func(c echo.Context) error {
		b.add(&event{})
		return c.NoContent(http.StatusAccepted)
	})
	serve.Run(e)
}
