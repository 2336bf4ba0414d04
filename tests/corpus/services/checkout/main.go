// Two leaks in one route: the basket that is never dropped, the receipt that nobody takes.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type basket struct{ items [12]int64 }

type store struct {
	mu      sync.Mutex
	baskets map[int64]*basket
}

func (s *store) fill(id int64) {
	filled := &basket{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.baskets[id] = filled
}

func (s *store) drop(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.baskets, id)
}

func printReceipt(receipts chan<- int64, id int64) { receipts <- id }

func main() {
	s := &store{baskets: map[int64]*basket{}}
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		id := seq.Next()
		s.fill(id)
		go printReceipt(make(chan int64), id)
		return c.JSON(http.StatusOK, id)
	})
	e.GET("/healthy", func(c echo.Context) error {
		id := seq.Next()
		s.fill(id)
		defer s.drop(id)
		receipts := make(chan int64)
		go printReceipt(receipts, id)
		return c.JSON(http.StatusOK, <-receipts)
	})
	serve.Run(e)
}
