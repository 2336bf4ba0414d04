// Package middleware holds what runs around every handler.
package middleware

import (
	"crypto/rand"
	"log/slog"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// TraceHeader carries the id that ties together what services log about one request.
const TraceHeader = "X-Trace-Id"

// Trace gives each request its trace id, takes over the caller's where there is one, and lets
// whatever is logged by the request's logger carry it.
func Trace(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			id := c.Request().Header.Get(TraceHeader)
			if id == "" {
				id = rand.Text()
			}
			c.Response().Header().Set(TraceHeader, id)
			c.SetLogger(logger.With("trace_id", id))
			return next(c)
		}
	}
}

// AccessLog logs one line per request, and answers for handlers that returned an error.
func AccessLog() echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogMethod:    true,
		LogRoutePath: true,
		LogURI:       true,
		LogStatus:    true,
		LogLatency:   true,
		HandleError:  true,
		LogValuesFunc: func(c *echo.Context, v middleware.RequestLoggerValues) error {
			level := slog.LevelInfo
			if v.Status >= 500 {
				level = slog.LevelError
			}
			c.Logger().LogAttrs(c.Request().Context(), level, "request",
				slog.String("method", v.Method), slog.String("route", v.RoutePath), slog.String("uri", v.URI),
				slog.Int("status", v.Status), slog.Duration("latency", v.Latency), slog.Any("error", v.Error))
			return nil
		},
	})
}
