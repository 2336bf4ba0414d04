// A login opens a session. Users who never log out stay in the map for ever.
package main

import (
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type session struct {
	user    int64
	started time.Time
	token   []byte
}

type sessions struct {
	mu   sync.Mutex
	open map[int64]*session
}

func (s *sessions) login(user int64) {
	opened := &session{user: user, started: time.Now(), token: make([]byte, 32)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[user] = opened
}

func (s *sessions) logout(user int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, user)
}

func main() {
	all := &sessions{open: map[int64]*session{}}
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		all.login(seq.Next())
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/healthy", func(c *echo.Context) error {
		user := seq.Next()
		all.login(user)
		all.logout(user)
		return c.NoContent(http.StatusNoContent)
	})
	serve.Run(e)
}
