// Uploads of any size are queued for a scanner that was never written.
package main

import (
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type queue struct {
	mu      sync.Mutex
	uploads [][]byte
	scan    bool
}

func receive() []byte { return make([]byte, 100+rand.IntN(3000)) }

func (q *queue) put(upload []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.uploads = append(q.uploads, upload)
	if q.scan && len(q.uploads) == 50 {
		q.uploads = nil
	}
}

func main() {
	e := echo.New()
	handle := func(path string, q *queue) {
		e.GET(path, func(c *echo.Context) error {
			q.put(receive())
			return c.NoContent(http.StatusNoContent)
		})
	}
	handle("/leak", &queue{})
	handle("/healthy", &queue{scan: true})
	serve.Run(e)
}
