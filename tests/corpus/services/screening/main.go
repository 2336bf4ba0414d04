// An order goes through rules, of which each keeps what it finds suspicious: one order in 20, and
// whichever rule finds it.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

const (
	oneIn = 20
	most  = 60
)

type suspicion struct {
	order int64
	next  *suspicion
}

type file struct {
	mu    sync.Mutex
	last  *suspicion
	count int
	bound int
}

func (f *file) put(s *suspicion) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bound > 0 && f.count == f.bound {
		f.last, f.count = nil, 0
	}
	s.next, f.last = f.last, s
	f.count++
}

type rule func(f *file, order int64)

func amount(f *file, order int64)   { f.put(&suspicion{order: order}) }
func country(f *file, order int64)  { f.put(&suspicion{order: order}) }
func address(f *file, order int64)  { f.put(&suspicion{order: order}) }
func velocity(f *file, order int64) { f.put(&suspicion{order: order}) }
func device(f *file, order int64)   { f.put(&suspicion{order: order}) }
func card(f *file, order int64)     { f.put(&suspicion{order: order}) }
func mail(f *file, order int64)     { f.put(&suspicion{order: order}) }
func phone(f *file, order int64)    { f.put(&suspicion{order: order}) }
func hour(f *file, order int64)     { f.put(&suspicion{order: order}) }
func basket(f *file, order int64)   { f.put(&suspicion{order: order}) }
func coupon(f *file, order int64)   { f.put(&suspicion{order: order}) }
func returns(f *file, order int64)  { f.put(&suspicion{order: order}) }

var rules = []rule{
	amount, country, address, velocity, device, card, mail, phone, hour, basket, coupon, returns,
}

func screen(f *file, order int64) string {
	if order%oneIn == 0 {
		rules[rand.IntN(len(rules))](f, order)
	}
	return fmt.Sprint("order ", order)
}

func main() {
	ever, lately := &file{}, &file{bound: most}
	e := echo.New()
	handle := func(path string, f *file) {
		e.POST(path, func(c echo.Context) error {
			return c.String(http.StatusOK, screen(f, seq.Next()))
		})
	}
	handle("/leak", ever)
	handle("/healthy", lately)
	serve.Run(e)
}
