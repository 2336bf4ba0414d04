// Echo's own rate limiter remembers a visitor for three minutes.
package main

import (
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

func ok(c echo.Context) error { return c.String(http.StatusOK, "ok") }

func limiter(life time.Duration) echo.MiddlewareFunc {
	store := middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: 1_000_000, Burst: 1_000_000, ExpiresIn: life,
	})
	return middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		Store: store,
		IdentifierExtractor: func(c echo.Context) (string, error) {
			return c.Request().Header.Get("X-Visitor"), nil
		},
	})
}

func main() {
	e := echo.New()
	e.GET("/expiring", ok, limiter(3*time.Minute))
	e.GET("/healthy", ok, limiter(10*time.Millisecond))
	serve.Run(e)
}
