// Command holders leaks in every way that a holder can hold, and dumps its heap before and after.
//
// It takes two files, DUMP_BEFORE and DUMP_AFTER in the environment, and COUNT, how often each
// function of leaks is called in between. A comment "leaks: NAME" marks the line that allocates.
package main

import (
	"container/list"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Without inlining every allocation has a function of its own in its stack.

type session struct {
	id    int
	token []byte
}

type entry struct {
	name string
	body *[96]byte
}

type cache struct {
	hits  int
	items []*entry
}

type server struct {
	name  string
	cache *cache
}

type node struct {
	next  *node
	bytes [72]byte
}

type event struct{ payload *[128]byte }

type conn struct {
	peer *conn
	data [200]byte
}

type twin struct{ data [112]byte }

var (
	sessions  = map[int]*session{}
	requests  []*http.Request
	listeners []func() int
	recent    = list.New()
	chain     *node
	queue     = make(chan *event, 100_000)
	seen      sync.Map
	byName    = map[string]*twin{}
	inOrder   []*twin
	never     = make(chan struct{})
	parent    context.Context
	password  []byte
	settings  = struct{ Extra map[string][]byte }{map[string][]byte{}}
)

//go:noinline
func newToken() []byte { return make([]byte, 48) } // leaks: token

//go:noinline
func keepSession(i int) {
	token := newToken()
	sessions[i] = &session{i, token} // leaks: session
}

//go:noinline
func newEntry(i int) *entry {
	return &entry{strconv.Itoa(i), new([96]byte)} // leaks: entry
}

func (s *server) remember(i int) { s.cache.items = append(s.cache.items, newEntry(i)) }

//go:noinline
func newBuffer() []byte { return make([]byte, 1000) } // leaks: goroutine

//go:noinline
func waitForever() {
	buffer := newBuffer()
	<-never
	runtime.KeepAlive(buffer)
}

func keepRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		next.ServeHTTP(w, r)
	})
}

//go:noinline
func listen(i int) {
	state := new([150]int) // leaks: closure
	listeners = append(listeners, func() int { return state[i%150] })
}

//go:noinline
func later() {
	buffer := new([300]byte) // leaks: timer
	time.AfterFunc(time.Hour, func() { buffer[0]++ })
}

//go:noinline
func child() {
	ctx, _ := context.WithCancel(parent) // leaks: context
	_ = ctx
}

//go:noinline
func push(i int) {
	recent.PushBack(&entry{"recent", new([96]byte)}) // leaks: list
}

//go:noinline
func prepend() { chain = &node{next: chain} } // leaks: chain

//go:noinline
func send() { queue <- &event{new([128]byte)} } // leaks: channel

//go:noinline
func store(i int) { seen.Store(i, &event{new([128]byte)}) } // leaks: syncmap

//go:noinline
func resurrect() {
	c := new(conn) // leaks: finalizer
	c.peer = &conn{peer: c}
	runtime.SetFinalizer(c, func(*conn) {})
}

//go:noinline
func keepTwice(i int) {
	t := new(twin) // leaks: twice
	byName[strconv.Itoa(i)] = t
	inOrder = append(inOrder, t)
}

//go:noinline
func extra(i int) { settings.Extra[strconv.Itoa(i)] = make([]byte, 80) } // leaks: extra

func dump(name string) {
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	file, err := os.OpenFile(os.Getenv(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		panic(err)
	}
	debug.WriteHeapDump(file.Fd())
	file.Close()
}

// A step and its undo: a chain of two types. A wrap: a closure that holds the one before it.
type step struct{ undo *undo }

type undo struct {
	prev *step
	data [56]byte
}

type history struct {
	name string
	last *step
	call func() int
}

//go:noinline
func (h *history) do() {
	h.last = &step{&undo{prev: h.last}} // leaks: step
}

//go:noinline
func (h *history) wrap(i int) {
	next := h.call
	h.call = func() int { return next() + i } // leaks: wrap
}

//go:noinline
func page(i int) string {
	word := strconv.Itoa(i) + " "
	return strings.Repeat(word, 100) // leaks: title
}

//go:noinline
func entitle(i int) {
	title, _, _ := strings.Cut(page(i), " ")
	titles = append(titles, title)
}

// A house is served by a goroutine of its own, as a web server is: nothing else knows it.
type house struct {
	visits  []*event
	byGuest map[string][]*twin
}

//go:noinline
func (h *house) visit(i int) {
	h.visits = append(h.visits, &event{new([128]byte)}) // leaks: visit
	guest := h.byGuest["always the same"]
	guest = append(guest, newTwin()) // leaks: guestlist
	h.byGuest["always the same"] = guest
}

//go:noinline
func newTwin() *twin { return new(twin) } // leaks: guest

//go:noinline
func (h *house) open() {
	for i := range doors {
		h.visit(i)
	}
	h.visits = nil
}

// An office's shifts are children of the context that ends with a signal. What gives the signals back
// holds that context, too, in a word of main's stack without a name.
type office struct {
	desk *desk
	days int
}

type desk struct{ hours *hours }

type hours struct{ open context.Context }

//go:noinline
func newOffice(open context.Context) *office { return &office{desk: &desk{&hours{open}}} }

//go:noinline
func (o *office) begin() {
	shift, _ := context.WithCancel(o.desk.hours.open) // leaks: shift
	_ = shift
}

// A channel of one is the lock of what goes round in it.
type slots struct{ of [2_000]*[20]byte }

//go:noinline
func takeSlot(i int) {
	s := <-turn
	s.of[i] = newSlot()
	turn <- s
}

//go:noinline
func newSlot() *[20]byte { return new([20]byte) } // leaks: slot

// A porter keeps the keys in a map on his own stack, of which the compiler leaves no trace.
func keepKeys() {
	keys := map[int]*[32]byte{}
	found := 0
	for {
		select {
		case i := <-lockers:
			keys[i] = newKey()
		case <-askedFor:
			found += len(keys)
		}
	}
}

//go:noinline
func newKey() *[32]byte { return new([32]byte) } // leaks: key

// serve is where the program stays: its receiver is the variable that reaches the server.
//
//go:noinline
func (s *server) serve(handler http.Handler, o *office, count int) {
	s.round(handler, o, 20, 0)
	dump("DUMP_BEFORE")
	s.round(handler, o, count, 1000)
	dump("DUMP_AFTER")
	o.days++
	s.cache.hits++
}

var (
	doors    = make(chan int)
	lockers  = make(chan int)
	turn     = make(chan *slots, 1)
	askedFor = make(chan int)
	// A ticker knows the runtime's timers, but holds none of the others.
	titles []string
	clock  = time.NewTicker(time.Hour)
	past   = &history{call: func() int { return 0 }}
)

func (s *server) round(handler http.Handler, o *office, count, base int) {
	for i := base; i < base+count; i++ {
		keepSession(i)
		s.remember(i)
		go waitForever()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
		listen(i)
		later()
		child()
		push(i)
		prepend()
		send()
		store(i)
		resurrect()
		keepTwice(i)
		extra(i)
		doors <- i
		lockers <- i
		books.put(i, newBook())
		papers.put(i, newPaper())
		files.file(i)
		numbers.add(i)
		words.add(i)
		cards.add(i)
		takeSlot(i)
		entitle(i)
		past.do()
		past.wrap(i)
		o.begin()
		routes.call(i)
		publish()
		expiring(i)
	}
	time.Sleep(50 * time.Millisecond)
}

func main() {
	runtime.MemProfileRate = 1
	password = append(password, "a-value-that-must-stay-in-the-dump"...)
	count, _ := strconv.Atoi(os.Getenv("COUNT"))
	var cancel context.CancelFunc
	parent, cancel = context.WithCancel(context.Background())
	hall := &house{byGuest: map[string][]*twin{}}
	go hall.open()
	go keepKeys()
	turn <- new(slots)
	open, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := &server{"front", &cache{}}
	s.serve(keepRequests(http.NotFoundHandler()), newOffice(open), count)
	cancel()
}
