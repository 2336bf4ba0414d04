// Healthy: a summary over one second keeps what its quantiles need, in five buffers.
package main

import (
	"math/rand/v2"
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
	"github.com/prometheus/client_golang/prometheus"
)

var sizes = prometheus.NewSummary(prometheus.SummaryOpts{
	Name: "answer_bytes", Objectives: map[float64]float64{0.5: 0.05, 0.99: 0.01},
	MaxAge: time.Second, AgeBuckets: 2,
})

func main() {
	prometheus.MustRegister(sizes)
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		sizes.Observe(rand.Float64() * 1000)
		return c.String(http.StatusOK, "observed")
	})
	serve.Run(e)
}
