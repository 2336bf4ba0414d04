package middleware

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v5"
)

// recent is what the support page shows.
var recent struct {
	sync.Mutex
	requests []*http.Request
}

// KeepRequests remembers the requests for the support page.
//
// Wrong: the package variable outlives every request, and each request brings its context, its
// headers and its URL along.
func KeepRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		recent.Lock()
		recent.requests = append(recent.requests, c.Request()) // leak: request
		recent.Unlock()
		return next(c)
	}
}

// Seen is what the support page needs to know about a request.
type Seen struct {
	Method, Path string
	At           time.Time
}

// Recent remembers the last hundred requests.
//
// Mended: it has an owner and an end, and keeps copies of the few values that are shown.
type Recent struct {
	mu   sync.Mutex
	seen [100]Seen
	next int
}

// Keep remembers the requests for the support page.
func (r *Recent) Keep(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		request := c.Request()
		r.mu.Lock()
		r.seen[r.next] = Seen{request.Method, strings.Clone(request.URL.Path), time.Now()}
		r.next = (r.next + 1) % len(r.seen)
		r.mu.Unlock()
		return next(c)
	}
}
