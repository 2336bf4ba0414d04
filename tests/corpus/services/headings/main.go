// A report's heading is made of its first row, pulled from an iterator that nobody stops.
package main

import (
	"fmt"
	"iter"
	"net/http"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type row struct{ report, number int64 }

type reports struct{ rows int64 }

func (r *reports) scan(report int64) iter.Seq[row] {
	return func(yield func(row) bool) {
		for i := range r.rows {
			if !yield(row{report, i}) {
				return
			}
		}
	}
}

func (r *reports) heading(report int64) row {
	next, _ := iter.Pull(r.scan(report))
	first, _ := next()
	return first
}

func (r *reports) headingOnly(report int64) row {
	next, stop := iter.Pull(r.scan(report))
	defer stop()
	first, _ := next()
	return first
}

func main() {
	r := &reports{rows: 20}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, r.heading(seq.Next()))
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, r.headingOnly(seq.Next()))
	})
	serve.Run(mux)
}
