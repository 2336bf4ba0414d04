// A reminder that is due in a day, and one that sets itself again and again.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type reminder struct {
	cart  int64
	timer *time.Timer
}

func (r *reminder) remind() {}

func remindDaily(cart int64) {
	r := &reminder{cart: cart}
	r.timer = time.AfterFunc(time.Second, func() {
		r.remind()
		r.timer.Reset(time.Second)
	})
}

func remindOnce(cart int64) *reminder {
	r := &reminder{cart: cart}
	r.timer = time.AfterFunc(24*time.Hour, r.remind)
	return r
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		remindDaily(seq.Next())
		fmt.Fprintln(w, "reminded")
	})
	mux.HandleFunc("GET /expiring", func(w http.ResponseWriter, _ *http.Request) {
		remindOnce(seq.Next())
		fmt.Fprintln(w, "reminded")
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		defer remindOnce(seq.Next()).timer.Stop()
		fmt.Fprintln(w, "reminded")
	})
	serve.Run(mux)
}
