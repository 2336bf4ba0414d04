package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"
	"time"
)

// servePprofFault answers /faults/NAME/PROFILE with a faulty profile. Where NAME begins with
// "heap-", the goroutine profile, which is read first, is as it should be.
func servePprofFault(w http.ResponseWriter, r *http.Request) {
	name, profile, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/faults/"), "/")
	if late, ok := strings.CutPrefix(name, "heap-"); ok {
		if profile != "heap" {
			pprof.Handler(profile).ServeHTTP(w, r)
			return
		}
		name = late
	}
	switch name {
	case "truncated":
		body := genuine(profile)
		_, _ = w.Write(body[:len(body)/2])
	case "bomb":
		bomb(w)
	case "noise":
		_, _ = io.CopyN(w, rand.New(rand.NewSource(1)), 64<<20)
	case "other":
		_, _ = w.Write(packed([]byte("\x0a\x03abc\x10\x96\x01\x1a\x05hello")))
	case "empty":
	case "no-strings":
		// sample_type {type: 1}, sample {value: 1}, string_table [""]: the string 1 is not there.
		_, _ = w.Write(packed([]byte("\x0a\x02\x08\x01\x12\x03\x12\x01\x01\x32\x00")))
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome</title>")
	case "login":
		w.Header().Set("WWW-Authenticate", "Basic")
		if _, password, _ := r.BasicAuth(); password != "open" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		pprof.Handler(profile).ServeHTTP(w, r)
	case "redirect":
		http.Redirect(w, r, "/login", http.StatusFound)
	case "error":
		http.Error(w, "profiles are \x1b[2J broken", http.StatusInternalServerError)
	case "drip":
		drip(w, r)
	default:
		http.NotFound(w, r)
	}
}

func genuine(profile string) []byte {
	recorder := httptest.NewRecorder()
	pprof.Handler(profile).ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	return recorder.Body.Bytes()
}

func packed(content []byte) []byte {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, _ = writer.Write(content)
	_ = writer.Close()
	return buffer.Bytes()
}

// bomb writes 10 MB of gzip that unpack to 10 GB of zeros: one compressed megabyte, over and over.
func bomb(w io.Writer) {
	var megabyte bytes.Buffer
	writer, _ := flate.NewWriter(&megabyte, flate.BestCompression)
	_, _ = writer.Write(make([]byte, 1<<20))
	_ = writer.Flush()
	_, _ = w.Write([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	for i := 0; i < 10*1024; i++ {
		_, _ = w.Write(megabyte.Bytes())
	}
}

// drip begins a profile and goes on with a byte now and then, for ever.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte("\x1f\x8b\x08\x00"))
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte{0})
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond)
	}
}
