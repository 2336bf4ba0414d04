// Command sites is a service with as many live allocation stacks as it is asked for.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// levels of left and right make a stack of their own for each number below 1<<levels.
const levels = 15

var (
	mutex sync.Mutex
	made  int
	kept  []*[64]byte
	last  *item
)

type item struct {
	next *item
	data [56]byte
}

func main() {
	http.HandleFunc("/sites", sites)
	http.HandleFunc("/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/leak", func(w http.ResponseWriter, _ *http.Request) {
		mutex.Lock()
		last = &item{next: last}
		mutex.Unlock()
		fmt.Fprintln(w, "ok")
	})
	http.HandleFunc("/sleep", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(5 * time.Millisecond)
		fmt.Fprintln(w, "ok")
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Getenv("ADDR"), nil))
}

// sites brings the number of live stacks up to ?count=.
func sites(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.Atoi(r.FormValue("count"))
	if err != nil || count > 1<<levels {
		http.Error(w, "count must be a number up to 32768", http.StatusBadRequest)
		return
	}
	mutex.Lock()
	defer mutex.Unlock()
	for ; made < count; made++ {
		kept = append(kept, turn(made, levels))
	}
	fmt.Fprintln(w, made)
}

func turn(path, level int) *[64]byte {
	if level == 0 {
		return new([64]byte)
	}
	if path&1 == 0 {
		return left(path>>1, level-1)
	}
	return right(path>>1, level-1)
}

//go:noinline
func left(path, level int) *[64]byte { return turn(path, level) }

//go:noinline
func right(path, level int) *[64]byte { return turn(path, level) }
