//go:build nopprof

package serve

import "net/http"

func mountPprof(*http.ServeMux) {}
