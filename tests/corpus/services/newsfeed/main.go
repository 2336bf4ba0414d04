// Whoever reads the feed subscribes to it. A reader that goes away stays subscribed.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type feed struct {
	mu          sync.Mutex
	subscribers map[chan string]struct{}
}

func (f *feed) subscribe() chan string {
	news := make(chan string, 8)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[news] = struct{}{}
	return news
}

func (f *feed) unsubscribe(news chan string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subscribers, news)
}

func latest(news chan string) string {
	select {
	case text := <-news:
		return text
	default:
		return "no news"
	}
}

func main() {
	f := &feed{subscribers: map[chan string]struct{}{}}
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		return c.String(http.StatusOK, latest(f.subscribe()))
	})
	e.GET("/healthy", func(c *echo.Context) error {
		news := f.subscribe()
		defer f.unsubscribe(news)
		return c.String(http.StatusOK, latest(news))
	})
	serve.Run(e)
}
