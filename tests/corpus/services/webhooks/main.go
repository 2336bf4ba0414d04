// Each callback gets a route of its own in the running router, which has no way to remove it.
package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/gorilla/mux"
)

type callbacks struct {
	mu     sync.Mutex
	router *mux.Router
}

func received(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "received") }

func (c *callbacks) leak(w http.ResponseWriter, _ *http.Request) {
	id := strconv.FormatInt(1_000_000_000+seq.Next(), 10)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.router.HandleFunc("/callbacks/"+id, received)
	fmt.Fprintln(w, id)
}

func (c *callbacks) healthy(w http.ResponseWriter, _ *http.Request) {
	id := strconv.FormatInt(1_000_000_000+seq.Next(), 10)
	fmt.Fprintln(w, id)
}

func main() {
	c := &callbacks{router: mux.NewRouter()}
	c.router.HandleFunc("/leak", c.leak)
	c.router.HandleFunc("/healthy", c.healthy)
	c.router.HandleFunc("/callbacks/any/{id}", received)
	serve.Run(c.router)
}
