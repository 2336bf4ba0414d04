// A context made of the server's own is never cancelled: its parent knows it for ever.
package main

import (
	"context"
	"net/http"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

var lifetime, shutDown = context.WithCancel(context.Background())

func lookUp(ctx context.Context) error { return ctx.Err() }

func leak(c echo.Context) error {
	ctx, cancel := context.WithCancel(lifetime)
	_ = cancel
	if err := lookUp(ctx); err != nil {
		return err
	}
	return c.String(http.StatusOK, "tenant")
}

func healthy(c echo.Context) error {
	ctx, cancel := context.WithCancel(lifetime)
	defer cancel()
	if err := lookUp(ctx); err != nil {
		return err
	}
	return c.String(http.StatusOK, "tenant")
}

func main() {
	defer shutDown()
	e := echo.New()
	e.GET("/leak", leak)
	e.GET("/healthy", healthy)
	serve.Run(e)
}
