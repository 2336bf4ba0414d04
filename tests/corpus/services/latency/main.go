// A histogram for each path, with the order's number in it.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/prometheus/client_golang/prometheus"
)

var seconds = prometheus.NewHistogramVec(
	prometheus.HistogramOpts{Name: "request_seconds", Buckets: prometheus.DefBuckets},
	[]string{"path"})

func observed(path func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		fmt.Fprintln(w, "order")
		seconds.WithLabelValues(path(r)).Observe(time.Since(started).Seconds())
	}
}

func main() {
	prometheus.MustRegister(seconds)
	mux := http.NewServeMux()
	mux.Handle("GET /leak/{order}", observed(func(r *http.Request) string { return r.URL.Path }))
	mux.Handle("GET /healthy/{order}", observed(func(r *http.Request) string { return r.Pattern }))
	serve.Run(mux)
}
