// Healthy: the last 800 messages in a ring, of any length.
package main

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type ring struct {
	mu       sync.Mutex
	next     int
	messages [800][]byte
}

func (r *ring) put(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages[r.next%len(r.messages)] = message
	r.next++
}

func main() {
	r := &ring{}
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		r.put(make([]byte, 1+rand.IntN(1000)))
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
