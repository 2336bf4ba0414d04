// An audit trail is kept in memory "for the admin page", all of it.
package main

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type entry struct {
	at     time.Time
	method string
	status int
}

const shown = 100

var trail []*entry
var mu sync.Mutex

func record(method string, status int) {
	mu.Lock()
	defer mu.Unlock()
	trail = append(trail, &entry{time.Now(), method, status})
}

func recordLatest(method string, status int) {
	mu.Lock()
	defer mu.Unlock()
	latest = append(latest, &entry{time.Now(), method, status})
	if len(latest) > shown {
		latest = slices.Delete(latest, 0, len(latest)-shown)
	}
}

var latest []*entry

func main() {
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		record(http.MethodGet, http.StatusOK)
		return c.String(http.StatusOK, "recorded")
	})
	e.GET("/healthy", func(c echo.Context) error {
		recordLatest(http.MethodGet, http.StatusOK)
		return c.String(http.StatusOK, "recorded")
	})
	serve.Run(e)
}
