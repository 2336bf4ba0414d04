//go:build !nopprof

package serve

import (
	"net/http"
	"net/http/pprof"
)

func mountPprof(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
}
