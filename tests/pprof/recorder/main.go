// The service of which the profiles under tests/pprof/recorded are: one entry of 64 bytes, one
// wide value of 128 bytes and one blocked goroutine stay of each request to /leak.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"

	"example.com/recorded/store"
)

type wide [16]uint64

var wides store.Kept[wide]

func wait(never chan struct{}) {
	<-never
}

func leak(w http.ResponseWriter, _ *http.Request) {
	store.Keep(1)
	wides.Add(wide{1})
	go wait(make(chan struct{}))
	fmt.Fprintln(w, "kept")
}

func main() {
	http.HandleFunc("/leak", leak)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
