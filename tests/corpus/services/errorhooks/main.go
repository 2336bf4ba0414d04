// Each request hangs a hook for its id into the logger that all share.
package main

import (
	"fmt"
	"io"
	"net/http"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/sirupsen/logrus"
)

type requestID struct {
	id   int64
	from string
}

func (r *requestID) Levels() []logrus.Level { return []logrus.Level{logrus.ErrorLevel} }

func (r *requestID) Fire(entry *logrus.Entry) error {
	entry.Data["request"] = r.id
	return nil
}

func main() {
	log := logrus.New()
	log.SetOutput(io.Discard)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) {
		log.AddHook(&requestID{seq.Next(), "/leak"})
		log.Info("served")
		fmt.Fprintln(w, "served")
	})
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		log.WithField("request", seq.Next()).Info("served")
		fmt.Fprintln(w, "served")
	})
	serve.Run(mux)
}
