// Another service is asked, and the body of its answer is not closed.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"example.com/corpus/shared/serve"
)

var upstream string

func leak(w http.ResponseWriter, _ *http.Request) {
	answer, err := http.Get(upstream)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintln(w, answer.Status)
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	answer, err := http.Get(upstream)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	fmt.Fprintln(w, answer.Status)
}

func main() {
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "sunny")
	}))
	upstream = stub.URL
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", leak)
	mux.HandleFunc("GET /healthy", healthy)
	serve.Run(mux)
}
