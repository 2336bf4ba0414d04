// The request's field is added to the logger of the service instead of to one of its own.
package main

import (
	"io"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
	"github.com/rs/zerolog"
)

var (
	mu  sync.Mutex
	log = zerolog.New(io.Discard)
)

func leak(c *echo.Context) error {
	mu.Lock()
	defer mu.Unlock()
	log = log.With().Int64("request", 1_000_000_000+seq.Next()).Logger()
	log.Info().Msg("served")
	return c.String(http.StatusOK, "served")
}

func healthy(c *echo.Context) error {
	own := zerolog.New(io.Discard).With().Int64("request", seq.Next()).Logger()
	own.Info().Msg("served")
	return c.String(http.StatusOK, "served")
}

func main() {
	e := echo.New()
	e.GET("/leak", leak)
	e.GET("/healthy", healthy)
	serve.Run(e)
}
