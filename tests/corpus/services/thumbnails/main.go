// Two sizes are announced to the wait group, one is made when the picture is small.
package main

import (
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

func resize(sizes []int, announced int) {
	var wg sync.WaitGroup
	wg.Add(announced)
	for range sizes {
		go wg.Done()
	}
	go publish(&wg)
}

func publish(wg *sync.WaitGroup) {
	wg.Wait()
}

func main() {
	small := []int{64}
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		resize(small, 2)
		return c.String(http.StatusOK, "resized")
	})
	e.GET("/healthy", func(c echo.Context) error {
		resize(small, len(small))
		return c.String(http.StatusOK, "resized")
	})
	serve.Run(e)
}
