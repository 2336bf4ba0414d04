// Healthy: two hundred city names, met in any order, are kept once each.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type names struct {
	mu    sync.Mutex
	known map[string]string
}

func (n *names) intern(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.known[name]; ok {
		return known
	}
	n.known[name] = name
	return name
}

func main() {
	n := &names{known: map[string]string{}}
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		return c.String(http.StatusOK, n.intern(fmt.Sprintf("a city called %03d", rand.IntN(200))))
	})
	serve.Run(e)
}
