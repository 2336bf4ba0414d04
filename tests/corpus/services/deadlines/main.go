// The deadline of a call is set, its cancel function thrown away: an hour until it is forgotten.
package main

import (
	"context"
	"net/http"
	"time"

	"example.com/corpus/shared/serve"
)

func call(ctx context.Context) error { return ctx.Err() }

func leak(w http.ResponseWriter, _ *http.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	_ = cancel
	if err := call(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	}
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := call(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	}
}

func short(w http.ResponseWriter, _ *http.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	_ = cancel
	if err := call(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /expiring", leak)
	mux.HandleFunc("GET /healthy", healthy)
	mux.HandleFunc("GET /short", short)
	serve.Run(mux)
}
