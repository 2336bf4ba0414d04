// Durations for a percentile: a package variable of plain numbers that only ever grows.
package main

import (
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

var (
	mu        sync.Mutex
	durations []int
	recent    []int
)

func observe(microseconds int) {
	mu.Lock()
	defer mu.Unlock()
	durations = append(durations, microseconds)
}

func observeRecent(microseconds int) {
	mu.Lock()
	defer mu.Unlock()
	if len(recent) == 1000 {
		recent = recent[:copy(recent, recent[500:])]
	}
	recent = append(recent, microseconds)
}

func main() {
	e := echo.New()
	handle := func(path string, observe func(int)) {
		e.GET(path, func(c *echo.Context) error {
			started := time.Now()
			err := c.String(http.StatusOK, "done")
			observe(int(time.Since(started).Microseconds()))
			return err
		})
	}
	handle("/leak", observe)
	handle("/healthy", observeRecent)
	serve.Run(e)
}
