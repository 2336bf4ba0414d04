// The first eight characters of a token are kept, and with them the whole token.
package main

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

const kept = 200

type revocations struct {
	mu       sync.Mutex
	prefixes []string
}

func readToken() string { return string(bytes.Repeat([]byte("t"), 4000)) }

func (r *revocations) revoke(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prefixes = append(r.prefixes, token[:8])
}

func (r *revocations) revokeRecent(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.prefixes) >= kept {
		r.prefixes = append(r.prefixes[:0], r.prefixes[1:]...)
	}
	r.prefixes = append(r.prefixes, strings.Clone(token[:8]))
}

func main() {
	all, recent := &revocations{}, &revocations{}
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		all.revoke(readToken())
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/healthy", func(c echo.Context) error {
		recent.revokeRecent(readToken())
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
