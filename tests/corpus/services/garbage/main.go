// Healthy: five megabytes of rubbish for each request.
package main

import (
	"fmt"
	"net/http"

	"example.com/corpus/shared/serve"
)

func render() int {
	sum := 0
	for i := range 5 {
		picture := make([]byte, 1<<20)
		picture[i] = byte(i)
		sum += len(picture) + int(picture[i])
	}
	return sum
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, render())
	})
	serve.Run(mux)
}
