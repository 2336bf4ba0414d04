// Each room has an actor of its own, a goroutine. Rooms have a name per request, or one of 900.
package main

import (
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type house struct {
	mu    sync.Mutex
	rooms map[string]chan string
}

func (h *house) room(name string) chan string {
	h.mu.Lock()
	defer h.mu.Unlock()
	inbox, open := h.rooms[name]
	if !open {
		inbox = make(chan string)
		h.rooms[name] = inbox
		go act(inbox)
	}
	return inbox
}

func act(inbox chan string) {
	last := ""
	for said := range inbox {
		last = said
	}
	_ = last
}

func main() {
	visitors, rooms := &house{rooms: map[string]chan string{}}, &house{rooms: map[string]chan string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /leak", func(w http.ResponseWriter, _ *http.Request) {
		visitors.room(fmt.Sprintf("visitor-%d", seq.Next())) <- "hello"
	})
	mux.HandleFunc("POST /healthy", func(w http.ResponseWriter, _ *http.Request) {
		rooms.room(fmt.Sprintf("room-%d", seq.Next()%900)) <- "hello"
	})
	serve.Run(mux)
}
