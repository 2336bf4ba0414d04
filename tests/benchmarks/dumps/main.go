// Command dumps serves nothing: it keeps OBJECTS objects as a service would, in a map of accounts
// with names, orders and payloads, and writes its heap to the file DUMP.
package main

import (
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

type order struct {
	id      int
	note    string
	payload []byte
	next    *order
}

type account struct {
	name   string
	orders []*order
	last   *order
	labels map[string]string
}

type store struct {
	byName map[string]*account
	recent []*order
}

var accounts = &store{byName: map[string]*account{}}

func newOrder(id int, next *order) *order {
	return &order{id: id, note: "note " + strconv.Itoa(id), payload: make([]byte, 24+id%64), next: next}
}

// fill keeps about 20 objects: an account, its name, its labels, and four orders.
func (s *store) fill(i int) {
	one := &account{name: "account " + strconv.Itoa(i), labels: map[string]string{"id": strconv.Itoa(i)}}
	for j := 0; j < 4; j++ {
		one.last = newOrder(i*4+j, one.last)
		one.orders = append(one.orders, one.last)
	}
	s.recent = append(s.recent, one.last)
	s.byName[one.name] = one
}

func main() {
	runtime.MemProfileRate = 1
	wanted, _ := strconv.Atoi(os.Getenv("OBJECTS"))
	server := &http.Server{Handler: http.NotFoundHandler()}
	var stats runtime.MemStats
	for i := 0; ; i++ {
		accounts.fill(i)
		if i%1000 == 0 {
			runtime.ReadMemStats(&stats)
			if int(stats.HeapObjects) >= wanted {
				runtime.GC()
				runtime.ReadMemStats(&stats)
				if int(stats.HeapObjects) >= wanted {
					break
				}
			}
		}
	}
	runtime.GC()
	file, err := os.Create(os.Getenv("DUMP"))
	if err != nil {
		panic(err)
	}
	debug.WriteHeapDump(file.Fd())
	file.Close()
	runtime.KeepAlive(server)
}
