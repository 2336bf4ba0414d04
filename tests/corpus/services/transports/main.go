// A client is made for each request, and with it a pool of idle connections that never end.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

var upstream string
var shared = &http.Client{Timeout: 5 * time.Second}

func fetch(client *http.Client, c echo.Context) error {
	answer, err := client.Get(upstream)
	if err != nil {
		return echo.NewHTTPError(http.StatusBadGateway, err.Error())
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return c.String(http.StatusOK, answer.Status)
}

func main() {
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "7 in stock")
	}))
	upstream = stub.URL
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		return fetch(&http.Client{Transport: &http.Transport{}}, c)
	})
	e.GET("/healthy", func(c echo.Context) error { return fetch(shared, c) })
	serve.Run(e)
}
