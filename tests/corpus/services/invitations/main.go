// Invitations lapse: after some minutes, at once, or when nobody looks for them any more.
package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
	gocache "github.com/patrickmn/go-cache"
)

type invitation struct {
	guest     string
	expiresAt time.Time
}

type desk struct {
	mu   sync.Mutex
	open map[int64]*invitation
	life time.Duration
}

func newDesk(life time.Duration) *desk {
	return &desk{open: map[int64]*invitation{}, life: life}
}

func (d *desk) invite(number int64) string {
	one := &invitation{fmt.Sprint("guest ", number), time.Now().Add(d.life)}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[number] = one
	return one.guest
}

func (d *desk) tidy() {
	for now := range time.Tick(100 * time.Millisecond) {
		d.mu.Lock()
		for number, one := range d.open {
			if now.After(one.expiresAt) {
				delete(d.open, number)
			}
		}
		d.mu.Unlock()
	}
}

func main() {
	months, minutes, moments := newDesk(100*time.Millisecond), newDesk(4*time.Minute), newDesk(300*time.Millisecond)
	go minutes.tidy()
	go moments.tidy()
	drafts := gocache.New(5*time.Minute, 10*time.Minute)
	e := echo.New()
	handle := func(path string, invite func(number int64) string) {
		e.GET(path, func(c echo.Context) error {
			return c.String(http.StatusOK, invite(seq.Next()))
		})
	}
	handle("/leak", months.invite)
	handle("/expiring", minutes.invite)
	handle("/healthy", moments.invite)
	handle("/library", func(number int64) string {
		guest := fmt.Sprint("guest ", number)
		drafts.SetDefault(guest, &invitation{guest: guest})
		return guest
	})
	serve.Run(e)
}
