// The slower of two answers is sent into a channel that nobody reads any more.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

func ask(answers chan<- string, name string, wait time.Duration) {
	time.Sleep(wait)
	answers <- name
}

func first(capacity int) string {
	answers := make(chan string, capacity)
	go ask(answers, "near", 0)
	go ask(answers, "far", time.Millisecond)
	return <-answers
}

func main() {
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error { return c.String(http.StatusOK, first(0)) })
	e.GET("/healthy", func(c echo.Context) error { return c.String(http.StatusOK, first(2)) })
	serve.Run(e)
}
