// What is not found is remembered with its error, so that support can look it up.
package main

import (
	"errors"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type failure struct {
	refund string
	err    error
}

var errNoRefund = errors.New("no such refund")

type failures struct {
	mu    sync.Mutex
	list  []*failure
	limit int
}

func (f *failures) add(refund string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limit > 0 && len(f.list) >= f.limit {
		f.list = f.list[:0]
	}
	f.list = append(f.list, &failure{refund, err})
}

func find(refund string) error {
	if refund == "1" {
		return nil
	}
	return errNoRefund
}

func main() {
	e := echo.New()
	handle := func(path string, kept *failures) {
		e.GET(path, func(c *echo.Context) error {
			refund := c.Param("refund")
			if err := find(refund); err != nil {
				kept.add("refund", err)
				return c.String(http.StatusNotFound, err.Error())
			}
			return c.String(http.StatusOK, refund)
		})
	}
	handle("/leak/:refund", &failures{})
	handle("/healthy/:refund", &failures{limit: 20})
	serve.Run(e)
}
