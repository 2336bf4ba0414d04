// The state of a payment is polled by a goroutine that goes on when it is settled.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type payment struct{ settled chan struct{} }

func (p *payment) poll() {
	for {
		<-time.After(time.Second)
	}
}

func (p *payment) pollAndSleep() {
	for {
		time.Sleep(time.Second)
	}
}

func (p *payment) pollUntilSettled() {
	for {
		select {
		case <-p.settled:
			return
		case <-time.After(time.Second):
		}
	}
}

func main() {
	e := echo.New()
	handle := func(path string, poll func(*payment)) {
		e.GET(path, func(c *echo.Context) error {
			p := &payment{settled: make(chan struct{})}
			go poll(p)
			close(p.settled)
			return c.String(http.StatusOK, "settled")
		})
	}
	handle("/leak", (*payment).poll)
	handle("/sleeping", (*payment).pollAndSleep)
	handle("/healthy", (*payment).pollUntilSettled)
	serve.Run(e)
}
