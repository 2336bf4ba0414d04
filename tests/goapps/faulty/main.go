// Command faulty is a service on net/http alone that fails in every way a test asks for.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	mutex sync.Mutex
	calls = map[string]int{}
	kept  [][]byte
)

func main() {
	begin(os.Getenv("FAULTY_START"))
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "well") })
	mux.HandleFunc("/panic", at(func(http.ResponseWriter, *http.Request) { go panic("asked to panic") }))
	mux.HandleFunc("/exit", at(func(http.ResponseWriter, *http.Request) { os.Exit(0) }))
	mux.HandleFunc("/fail", at(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("request %s was one too many", r.URL)
		http.Error(w, "one too many", http.StatusInternalServerError)
	}))
	mux.HandleFunc("/hostile", at(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("\x1b[2J\x1b]0;title\x07\u202egnp\x1b[31m" + strings.Repeat("huge ", 100_000))
		fmt.Println("\x1b[2Jlast words")
		http.Error(w, "\x1b[2J\u202e"+strings.Repeat("no ", 100_000), http.StatusTeapot)
	}))
	mux.HandleFunc("/hang", at(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	mux.HandleFunc("/reset", at(reset))
	mux.HandleFunc("/hungry", at(func(http.ResponseWriter, *http.Request) { eat(1 << 20) }))
	mux.HandleFunc("/megabyte", func(http.ResponseWriter, *http.Request) { eat(1) })
	mux.HandleFunc("/print", func(http.ResponseWriter, *http.Request) {
		for i := 0; i < 20; i++ {
			fmt.Println(strings.Repeat("words without end ", 500))
		}
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/faults/", servePprofFault)

	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: mux}
	if text := os.Getenv("FAULTY_IDLE_TIMEOUT"); text != "" {
		server.IdleTimeout, _ = time.ParseDuration(text)
	}
	if address := os.Getenv("FAULTY_PPROF"); address != "" {
		go func() { log.Fatal(http.ListenAndServe(address, mux)) }()
	}
	log.Fatal(server.ListenAndServe())
}

// begin fails before the service listens.
func begin(how string) {
	switch how {
	case "exit":
		log.Print("no database, no service")
		os.Exit(3)
	case "never":
		log.Print("waiting for a database that never comes")
		time.Sleep(time.Hour)
	case "print":
		go func() {
			for {
				fmt.Println(strings.Repeat("words without end ", 50))
			}
		}()
	}
}

// at makes a route that is well until the call whose number the query names, for each query anew.
func at(fault http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, _ := strconv.Atoi(r.FormValue("at"))
		mutex.Lock()
		calls[r.URL.String()]++
		due := calls[r.URL.String()] == number
		mutex.Unlock()
		if due {
			fault(w, r)
		}
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	_ = connection.Close()
}

func eat(megabytes int) {
	for ; megabytes > 0; megabytes-- {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		mutex.Lock()
		kept = append(kept, block)
		mutex.Unlock()
	}
}
