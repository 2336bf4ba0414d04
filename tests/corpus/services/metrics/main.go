// Requests are counted by user id: every user makes a time series of its own.
package main

import (
	"net/http"
	"strconv"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
	"github.com/prometheus/client_golang/prometheus"
)

var registry = prometheus.NewRegistry()

var byUser = prometheus.NewCounterVec(
	prometheus.CounterOpts{Name: "requests_by_user_total", Help: "Requests."}, []string{"user"})

var byPlan = prometheus.NewCounterVec(
	prometheus.CounterOpts{Name: "requests_by_plan_total", Help: "Requests."}, []string{"plan"})

var plans = []string{"free", "team", "enterprise"}

func main() {
	registry.MustRegister(byUser, byPlan)
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		byUser.WithLabelValues("user-" + strconv.FormatInt(1_000_000+seq.Next(), 10)).Inc()
		return c.String(http.StatusOK, "counted")
	})
	e.GET("/healthy", func(c *echo.Context) error {
		byPlan.WithLabelValues(plans[seq.Next()%3]).Inc()
		return c.String(http.StatusOK, "counted")
	})
	serve.Run(e)
}
