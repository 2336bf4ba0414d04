// A counter is published for each import job. expvar has no way to take it back.
package main

import (
	"expvar"
	"fmt"
	"net/http"
	"strconv"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

var jobs = expvar.NewInt("jobs")

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		job := expvar.NewInt("job." + strconv.FormatInt(1_000_000_000_000_000+seq.Next(), 10))
		job.Add(1)
		fmt.Fprintln(w, job)
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		jobs.Add(1)
		fmt.Fprintln(w, jobs)
	})
	serve.Run(mux)
}
