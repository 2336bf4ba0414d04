// Package serve is what all services of the corpus share: the address and the independent counter.
package serve

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"runtime"
)

// Run serves handler at the address that the environment names, until the process ends.
func Run(handler http.Handler) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /truth", truth)
	mountPprof(mux)
	mux.Handle("/", handler)
	listen(mux)
}

// RunBare is Run for a service that mounts pprof itself.
func RunBare(handler http.Handler) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /truth", truth)
	mux.Handle("/", handler)
	listen(mux)
}

func listen(handler http.Handler) {
	address := os.Getenv("ADDR")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	log.Fatal(http.ListenAndServe(address, handler))
}

// truth tells what lives now. The labels are checked by it, and by nothing of the plugin's.
func truth(w http.ResponseWriter, _ *http.Request) {
	for range 3 { // a sync.Pool lives through one collection, finalizers take another
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	json.NewEncoder(w).Encode(map[string]uint64{
		"objects":    stats.HeapObjects,
		"bytes":      stats.HeapAlloc,
		"goroutines": uint64(runtime.NumGoroutine()),
	})
}
