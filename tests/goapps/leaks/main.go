// Command leaks is a service on net/http alone: leaks of every kind, each beside a healthy twin.
//
// A comment "leaks: NAME" marks the line that a check must name.
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// item is 64 bytes, and one object: what a leaky route keeps for each request.
type item struct {
	next *item
	data [56]byte
}

// block is 64 kB.
type block struct {
	next *block
	data [65528]byte
}

var (
	mutex   sync.Mutex
	items   *item
	seconds *item
	blocks  *block
	numbers []int
	keys    = map[string]*item{}
	calls   atomic.Int64
	highest atomic.Int64
	never   = make(chan struct{})
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", healthy)
	mux.HandleFunc("/healthy", healthy)
	mux.HandleFunc("/object", object)
	mux.HandleFunc("/block", func(http.ResponseWriter, *http.Request) { keepBlock() })
	mux.HandleFunc("/goroutine", func(http.ResponseWriter, *http.Request) { go wait() })
	mux.HandleFunc("/goroutine/healthy", goAndEnd)
	mux.HandleFunc("/two", func(http.ResponseWriter, *http.Request) { keepFirst(); keepSecond() })
	mux.HandleFunc("/cache", func(_ http.ResponseWriter, r *http.Request) { cache(r.FormValue("key"), 500) })
	mux.HandleFunc("/map", func(_ http.ResponseWriter, r *http.Request) { remember(r.FormValue("key")) })
	mux.HandleFunc("/numbers", func(http.ResponseWriter, *http.Request) { keepNumber() })
	mux.HandleFunc("/rare", func(http.ResponseWriter, *http.Request) {
		if calls.Add(1)%100 == 0 {
			keepRare()
		}
	})
	mux.HandleFunc("/rising", rising)

	var handler http.Handler = mux
	place := os.Getenv("LEAKS_PPROF")
	switch place {
	case "":
		addPprof(mux)
	case "leaking router":
		addPprof(mux)
		handler = keepOneOfEach(mux)
	default:
		own := http.NewServeMux()
		addPprof(own)
		go func() { log.Fatal(http.ListenAndServe(place, own)) }()
	}
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), handler))
}

func addPprof(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	one := &item{}
	fmt.Fprintln(w, "healthy", len(one.data))
}

func object(http.ResponseWriter, *http.Request) {
	one := &item{} // leaks: object
	mutex.Lock()
	defer mutex.Unlock()
	one.next, items = items, one
}

// keepOneOfEach is the mistake of a middleware that runs before every route, pprof's included.
func keepOneOfEach(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := &item{} // leaks: middleware
		mutex.Lock()
		one.next, items = items, one
		mutex.Unlock()
		next.ServeHTTP(w, r)
	})
}

func keepBlock() {
	one := &block{} // leaks: block
	mutex.Lock()
	defer mutex.Unlock()
	one.next, blocks = blocks, one
}

func wait() {
	<-never // leaks: goroutine
}

func goAndEnd(http.ResponseWriter, *http.Request) {
	done := make(chan struct{})
	go close(done)
	<-done
}

func keepFirst() {
	one := &item{} // leaks: first
	mutex.Lock()
	defer mutex.Unlock()
	one.next, items = items, one
}

func keepSecond() {
	one := &item{} // leaks: second
	mutex.Lock()
	defer mutex.Unlock()
	one.next, seconds = seconds, one
}

// cache keeps at most so many items: it grows until it is full, and then never again.
func cache(key string, capacity int) {
	mutex.Lock()
	defer mutex.Unlock()
	for old := range keys {
		if len(keys) < capacity {
			break
		}
		delete(keys, old)
	}
	keys[key] = &item{}
}

var remembered = map[string]*item{}

func remember(key string) {
	mutex.Lock()
	defer mutex.Unlock()
	remembered[key] = &item{} // leaks: map
}

func keepNumber() {
	mutex.Lock()
	defer mutex.Unlock()
	numbers = append(numbers, len(numbers)) // leaks: numbers
}

func keepRare() {
	one := &item{} // leaks: rare
	mutex.Lock()
	defer mutex.Unlock()
	one.next, items = items, one
}

// rising refuses a number that is not larger than every number before: one that repeats, too.
func rising(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseInt(r.FormValue("number"), 10, 64)
	if err != nil || number <= highest.Load() {
		http.Error(w, "this number was here before: "+r.FormValue("number"), http.StatusConflict)
		return
	}
	highest.Store(number)
}
