// Command plain is a service on net/http alone that does to itself what the tests ask of it.
package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strconv"
	"strings"
	"time"
)

var kept [][]byte

func main() {
	begin(os.Getenv("PLAIN_AT_START"))
	if address := os.Getenv("PLAIN_PPROF"); address != "" {
		go func() { log.Fatal(http.ListenAndServe(address, nil)) }()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "plain") })
	http.HandleFunc("/told", told)
	http.HandleFunc("/leak", func(http.ResponseWriter, *http.Request) { kept = append(kept, make([]byte, 64)) })
	http.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { go panic("asked to panic") })
	http.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) { os.Exit(number(r, "code")) })
	http.HandleFunc("/fill", func(_ http.ResponseWriter, r *http.Request) { fill(number(r, "mb")) })
	http.HandleFunc("/print", printLines)
	http.HandleFunc("/read", readFile)
	http.HandleFunc("/write", writeFile)
	http.HandleFunc("/fetch", fetch)
	address := os.Getenv("PLAIN_ADDR")
	if address == "" {
		address = os.Getenv("ADDR")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on %s", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

// begin fails in the way that the environment names, before the service listens.
func begin(how string) {
	switch how {
	case "exit":
		log.Print("refusing to start")
		os.Exit(3)
	case "panic":
		panic("asked to panic at the start")
	case "fill":
		// An engine that is busy watches a container's memory a moment after it has started it.
		time.Sleep(time.Second)
		fill(1 << 20)
	case "hang":
		log.Print("waiting for something that never comes")
		select {}
	case "print":
		go func() {
			for {
				fmt.Println(strings.Repeat("words without end ", 50))
			}
		}()
	}
}

func told(w http.ResponseWriter, _ *http.Request) {
	environment := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	folder, _ := os.Getwd()
	zone := ""
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		zone = err.Error()
	}
	_, certificates := x509.SystemCertPool()
	_ = json.NewEncoder(w).Encode(map[string]any{
		"args":           os.Args[1:],
		"env":            environment,
		"folder":         folder,
		"uid":            os.Getuid(),
		"zone_error":     zone,
		"have_cert_pool": certificates == nil,
	})
}

func fill(megabytes int) {
	for ; megabytes > 0; megabytes-- {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		kept = append(kept, block)
	}
}

func printLines(_ http.ResponseWriter, r *http.Request) {
	for i := 0; i < number(r, "lines"); i++ {
		fmt.Printf("line %d %s\n", i, strings.Repeat("x", 1000))
	}
}

func readFile(w http.ResponseWriter, r *http.Request) {
	content, err := os.ReadFile(r.FormValue("path"))
	answer(w, content, err)
}

func writeFile(w http.ResponseWriter, r *http.Request) {
	answer(w, nil, os.WriteFile(r.FormValue("path"), []byte("written"), 0o600))
}

func fetch(w http.ResponseWriter, r *http.Request) {
	response, err := http.Get(r.FormValue("url"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	answer(w, content, err)
}

func answer(w http.ResponseWriter, content []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(content)
}

func number(r *http.Request, name string) int {
	value, _ := strconv.Atoi(r.FormValue(name))
	return value
}
