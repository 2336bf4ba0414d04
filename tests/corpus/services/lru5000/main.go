// Healthy: a hand-written LRU that is full after 5,000 pages.
package main

import (
	"container/list"
	"fmt"
	"net/http"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
)

type page struct {
	number int64
	text   []byte
}

type pages struct {
	mu    sync.Mutex
	limit int
	order *list.List
	known map[int64]*list.Element
}

func (p *pages) put(number int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[number] = p.order.PushFront(&page{number, make([]byte, 64)})
	if p.order.Len() > p.limit {
		oldest := p.order.Back()
		delete(p.known, p.order.Remove(oldest).(*page).number)
	}
}

func main() {
	p := &pages{limit: 5000, order: list.New(), known: map[int64]*list.Element{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		p.put(seq.Next())
		fmt.Fprintln(w, "page")
	})
	serve.Run(mux)
}
