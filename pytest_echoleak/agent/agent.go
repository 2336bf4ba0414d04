package main

// The agent of pytest_echoleak: laid over package main by `go build -overlay` when a service is
// built for a leak test. It is in no source tree, and does nothing unless ECHOLEAK_AGENT_ADDR and
// ECHOLEAK_AGENT_TOKEN are set.
//
// It shares package main with code that it does not know: all its names begin with echoleak, its
// imports too, and it uses no built-in function that a program may have redefined (close, delete,
// copy, new, min, max, ...). It is written in the language of Go 1.12, for modules that say so.

import (
	echoleakbytes "bytes"
	echoleaksubtle "crypto/subtle"
	echoleakbinary "encoding/binary"
	echoleakio "io"
	echoleakmath "math"
	echoleaknet "net"
	echoleakos "os"
	echoleakruntime "runtime"
	echoleakdebug "runtime/debug"
	echoleakpprof "runtime/pprof"
	echoleakstrconv "strconv"
	echoleakstrings "strings"
	echoleaksync "sync"
	echoleakatomic "sync/atomic"
	echoleaktime "time"
)

const (
	echoleakVersion        = 1
	echoleakSecond         = echoleaktime.Second
	echoleakStrangers      = 256 // connections at a time, with and without the token
	echoleakCommandLimit   = 1 << 20
	echoleakKeptRecords    = 15000 // some megabytes
	echoleakFewestGCs      = 2     // the contents of a sync.Pool live through one
	echoleakMostGCs        = 6
	echoleakFreedObjects   = 64 // a GC that freed no more has found the end of it
	echoleakFinalizerPause = echoleaktime.Millisecond
	echoleakPlantedLimit   = 1 << 20 // objects, bytes of each, goroutines
	echoleakDumpEnd        = "echoleak: the dump ends here\n"
)

// Variables are set before any init runs, which may clear the environment or start a child.
var echoleakAddress, echoleakToken = echoleakSettings()

// echoleakSettings takes them out of the environment: what the service starts does not inherit them.
func echoleakSettings() (string, string) {
	address := echoleakos.Getenv("ECHOLEAK_AGENT_ADDR")
	token := echoleakos.Getenv("ECHOLEAK_AGENT_TOKEN")
	if address != "" {
		_ = echoleakos.Unsetenv("ECHOLEAK_AGENT_ADDR")
		_ = echoleakos.Unsetenv("ECHOLEAK_AGENT_TOKEN")
	}
	return address, token
}

func init() {
	address, token := echoleakAddress, echoleakToken
	if address == "" || len(token) < 32 {
		return
	}
	listener, err := echoleaknet.Listen("tcp4", address)
	if err != nil {
		_, _ = echoleakos.Stderr.WriteString("echoleak: the agent cannot listen: " + err.Error() + "\n")
		return
	}
	agent := &echoleakAgent{
		token: []byte(token),
		ids:   map[[32]uintptr]int{},
	}
	echoleakatomic.AddInt32(&agent.goroutines, 1)
	go agent.accept(listener)
}

// echoleakAgent answers one client at a time. A site is a stack; its number is its place in sites.
type echoleakAgent struct {
	token      []byte
	goroutines int32 // its own

	mutex      echoleaksync.Mutex
	ids        map[[32]uintptr]int
	sites      []echoleakSite
	generation int64
	mallocs    int64 // of its own commands, so far
	began      echoleakruntime.MemStats
	ended      echoleakruntime.MemStats
	records    []echoleakruntime.MemProfileRecord
	stacks     []echoleakruntime.StackRecord
	answer     []byte
}

// echoleakSite is what a stack holds. last is what the client has been told, now what was just read.
type echoleakSite struct {
	stack                   [32]uintptr
	lastObjects, nowObjects int64
	lastBytes, nowBytes     int64
	generation              int64
	goroutines              int64
	goroutinesGeneration    int64
}

func (a *echoleakAgent) accept(listener echoleaknet.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			echoleaktime.Sleep(echoleakSecond / 10)
			continue
		}
		if echoleakatomic.AddInt32(&a.goroutines, 1) > echoleakStrangers {
			echoleakatomic.AddInt32(&a.goroutines, -1)
			_ = conn.Close()
			continue
		}
		go a.serve(conn)
	}
}

// serve takes the token, then commands, a line each. Whoever has no token gets no answer.
func (a *echoleakAgent) serve(conn echoleaknet.Conn) {
	defer func() {
		_ = conn.Close()
		echoleakatomic.AddInt32(&a.goroutines, -1)
	}()
	_ = conn.SetDeadline(echoleaktime.Now().Add(echoleakSecond))
	given := make([]byte, len(a.token)+1)
	if _, err := echoleakio.ReadFull(conn, given); err != nil {
		return
	}
	if echoleaksubtle.ConstantTimeCompare(given[:len(a.token)], a.token) != 1 {
		return
	}
	for {
		command := a.command(conn)
		if command == nil {
			return
		}
		_ = conn.SetDeadline(echoleaktime.Now().Add(300 * echoleakSecond))
		if !a.run(conn, echoleakstrings.Fields(string(command))) {
			return
		}
	}
}

// command reads a length and so many bytes: nil at the end of the connection.
func (a *echoleakAgent) command(conn echoleaknet.Conn) []byte {
	_ = conn.SetDeadline(echoleaktime.Now().Add(30 * echoleakSecond))
	head := make([]byte, 4)
	if _, err := echoleakio.ReadFull(conn, head); err != nil {
		return nil
	}
	size := echoleakbinary.LittleEndian.Uint32(head)
	if size == 0 || size > echoleakCommandLimit {
		return nil
	}
	command := make([]byte, size)
	if _, err := echoleakio.ReadFull(conn, command); err != nil {
		return nil
	}
	return command
}

// run does a command and answers it: whether it was done, a length, and so many bytes.
func (a *echoleakAgent) run(conn echoleaknet.Conn, words []string) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	echoleakruntime.ReadMemStats(&a.began)
	defer func() {
		echoleakruntime.ReadMemStats(&a.ended)
		a.mallocs += int64(a.ended.Mallocs) - int64(a.began.Mallocs)
	}()
	a.answer = append(a.answer[:0], 0, 0, 0, 0, 0)
	a.answer[0] = 1
	isDump := len(words) == 1 && words[0] == "dump"
	done := false
	if isDump {
		done = a.readyToDump(conn)
	} else {
		done = a.do(words)
	}
	if !done {
		a.answer[0] = 0
	}
	echoleakbinary.LittleEndian.PutUint32(a.answer[1:], uint32(len(a.answer)-5))
	if _, err := conn.Write(a.answer); err != nil {
		return false
	}
	if isDump && done {
		echoleakDump(conn)
	}
	return !isDump
}

func (a *echoleakAgent) do(words []string) bool {
	if len(words) == 0 {
		return a.refuse("an empty command")
	}
	switch words[0] {
	case "hello":
		a.text(echoleakruntime.Version())
		a.number(echoleakVersion)
		return true
	case "rate":
		return a.rate(echoleakNumbers(words[1:]))
	case "snapshot":
		return a.snapshot(echoleakNumbers(words[1:]))
	case "stacks":
		return a.symbols(echoleakNumbers(words[1:]))
	case "profile":
		return a.profile(words[len(words)-1])
	case "program":
		return a.program()
	case "plant":
		return a.plant(echoleakNumbers(words[1:]))
	}
	return a.refuse("an unknown command")
}

// rate sets the profile's rate: from 1 on, every object that is allocated is recorded.
func (a *echoleakAgent) rate(arguments []int64) bool {
	if len(arguments) != 1 || arguments[0] < 0 {
		return a.refuse("rate takes a number of bytes")
	}
	echoleakruntime.MemProfileRate = int(arguments[0])
	return true
}

// snapshot waits for rest, collects garbage, and tells what changed since the generation that the
// client knows (everything, where that is not the last one).
//
// arguments: generation, goroutines at rest last time (-1: not known), milliseconds for which their
// number must not change, milliseconds after which they are taken as they are.
func (a *echoleakAgent) snapshot(arguments []int64) bool {
	if len(arguments) != 4 {
		return a.refuse("snapshot takes four numbers")
	}
	known := arguments[0] == a.generation && a.generation > 0
	var after echoleakruntime.MemStats
	rested := a.rest(arguments[1], arguments[2], arguments[3])
	gcs := a.collect(&after)
	a.generation++
	a.readHeap()
	a.readGoroutines()
	a.number(a.generation)
	a.number(echoleakFlag(known))
	a.number(int64(echoleakruntime.MemProfileRate))
	a.number(int64(after.HeapObjects))
	a.number(int64(after.HeapAlloc))
	a.number(int64(a.began.Mallocs) - a.mallocs)
	a.number(int64(after.NumGC))
	a.number(a.others())
	a.number(echoleakFlag(rested))
	a.number(gcs)
	a.changes(known)
	a.counts()
	if len(a.records) > echoleakKeptRecords || len(a.stacks) > echoleakKeptRecords {
		a.records, a.stacks = nil, nil
	}
	return true
}

// rest waits until there are no more goroutines than last time, or their number stays the same.
func (a *echoleakAgent) rest(last, quiet, limit int64) bool {
	began := echoleaktime.Now()
	since, count := began, a.others()
	for {
		if last >= 0 && count <= last {
			return true
		}
		now := echoleaktime.Now()
		if now.Sub(since) >= echoleaktime.Duration(quiet)*echoleaktime.Millisecond {
			return true
		}
		if now.Sub(began) >= echoleaktime.Duration(limit)*echoleaktime.Millisecond {
			return false
		}
		echoleaktime.Sleep(echoleaktime.Millisecond)
		if other := a.others(); other != count {
			since, count = echoleaktime.Now(), other
		}
	}
}

func (a *echoleakAgent) others() int64 {
	return int64(echoleakruntime.NumGoroutine()) - int64(echoleakatomic.LoadInt32(&a.goroutines))
}

// collect forces GCs until they free no more, and gives finalizers the moment that they need.
func (a *echoleakAgent) collect(stats *echoleakruntime.MemStats) int64 {
	var last uint64
	for gcs := int64(1); ; gcs++ {
		echoleakruntime.GC()
		echoleakruntime.ReadMemStats(stats)
		if gcs >= echoleakMostGCs || gcs >= echoleakFewestGCs && stats.HeapObjects+echoleakFreedObjects >= last {
			return gcs
		}
		last = stats.HeapObjects
		echoleaktime.Sleep(echoleakFinalizerPause)
	}
}

// readHeap adds up the records of each stack: they are split by size, and cut at 32 frames.
func (a *echoleakAgent) readHeap() {
	count, ok := echoleakruntime.MemProfile(a.records, false)
	for !ok {
		a.records = make([]echoleakruntime.MemProfileRecord, count+count/4+256)
		count, ok = echoleakruntime.MemProfile(a.records, false)
	}
	for i := range a.records[:count] {
		record := &a.records[i]
		site := a.site(record.Stack0)
		if site.generation != a.generation {
			site.generation, site.nowObjects, site.nowBytes = a.generation, 0, 0
		}
		objects, bytes := echoleakScaled(record.InUseObjects(), record.InUseBytes())
		site.nowObjects += objects
		site.nowBytes += bytes
	}
}

// echoleakScaled estimates what samples stand for, as runtime/pprof does.
func echoleakScaled(objects, bytes int64) (int64, int64) {
	rate := float64(echoleakruntime.MemProfileRate)
	if rate <= 1 || objects <= 0 || bytes <= 0 {
		return objects, bytes
	}
	average := float64(bytes) / float64(objects)
	scale := 1 / (1 - echoleakmath.Exp(-average/rate))
	return int64(float64(objects) * scale), int64(float64(bytes) * scale)
}

func (a *echoleakAgent) readGoroutines() {
	count, ok := echoleakruntime.GoroutineProfile(a.stacks)
	for !ok {
		a.stacks = make([]echoleakruntime.StackRecord, count+count/4+64)
		count, ok = echoleakruntime.GoroutineProfile(a.stacks)
	}
	for i := range a.stacks[:count] {
		site := a.site(a.stacks[i].Stack0)
		if site.goroutinesGeneration != a.generation {
			site.goroutinesGeneration, site.goroutines = a.generation, 0
		}
		site.goroutines++
	}
}

func (a *echoleakAgent) site(stack [32]uintptr) *echoleakSite {
	id, found := a.ids[stack]
	if !found {
		id = len(a.sites)
		a.ids[stack] = id
		a.sites = append(a.sites, echoleakSite{stack: stack})
	}
	return &a.sites[id]
}

// changes writes a count, and so many triples: site, objects, bytes.
func (a *echoleakAgent) changes(known bool) {
	place := len(a.answer)
	a.number(0)
	changed := int64(0)
	for id := range a.sites {
		site := &a.sites[id]
		if site.generation != a.generation {
			site.nowObjects, site.nowBytes = 0, 0
		}
		same := site.nowObjects == site.lastObjects && site.nowBytes == site.lastBytes
		site.lastObjects, site.lastBytes = site.nowObjects, site.nowBytes
		if known && same || !known && site.nowObjects == 0 && site.nowBytes == 0 {
			continue
		}
		changed++
		a.number(int64(id))
		a.number(site.nowObjects)
		a.number(site.nowBytes)
	}
	echoleakbinary.LittleEndian.PutUint64(a.answer[place:], uint64(changed))
}

// counts writes a count, and so many pairs: site, goroutines.
func (a *echoleakAgent) counts() {
	place := len(a.answer)
	a.number(0)
	stacks := int64(0)
	for id := range a.sites {
		if site := &a.sites[id]; site.goroutinesGeneration == a.generation {
			stacks++
			a.number(int64(id))
			a.number(site.goroutines)
		}
	}
	echoleakbinary.LittleEndian.PutUint64(a.answer[place:], uint64(stacks))
}

// symbols writes the frames of all stacks, each once (function, file, line), then for each stack
// how many frames it has and which, the innermost first.
func (a *echoleakAgent) symbols(ids []int64) bool {
	type key struct {
		function, file string
		line           int
	}
	numbers := map[key]int64{}
	var table []key
	var stacks []int64
	for _, id := range ids {
		if id < 0 || id >= int64(len(a.sites)) {
			return a.refuse("an unknown site")
		}
		place := len(stacks)
		stacks = append(stacks, 0)
		for _, frame := range echoleakFrames(a.sites[id].stack) {
			one := key{frame.Function, frame.File, frame.Line}
			number, found := numbers[one]
			if !found {
				number = int64(len(table))
				numbers[one] = number
				table = append(table, one)
			}
			stacks = append(stacks, number)
			stacks[place]++
		}
	}
	a.number(int64(len(table)))
	for _, one := range table {
		a.text(one.function)
		a.text(one.file)
		a.number(int64(one.line))
	}
	for _, number := range stacks {
		a.number(number)
	}
	return true
}

// echoleakNumbers reads decimal numbers; what is none is -1.
func echoleakNumbers(words []string) []int64 {
	numbers := make([]int64, 0, len(words))
	for _, word := range words {
		number, err := echoleakstrconv.ParseInt(word, 10, 64)
		if err != nil {
			number = -1
		}
		numbers = append(numbers, number)
	}
	return numbers
}

func echoleakFrames(stack [32]uintptr) []echoleakruntime.Frame {
	depth := 0
	for depth < len(stack) && stack[depth] != 0 {
		depth++
	}
	var result []echoleakruntime.Frame
	if depth == 0 {
		return result
	}
	frames := echoleakruntime.CallersFrames(stack[:depth])
	for {
		frame, more := frames.Next()
		result = append(result, frame)
		if !more {
			return result
		}
	}
}

// profile writes one of runtime/pprof's profiles in its protobuf form.
func (a *echoleakAgent) profile(name string) bool {
	found := echoleakpprof.Lookup(name)
	if found == nil {
		return a.refuse("this program has no such profile")
	}
	var buffer echoleakbytes.Buffer
	if err := found.WriteTo(&buffer, 0); err != nil {
		return a.refuse(err.Error())
	}
	a.answer = append(a.answer, buffer.Bytes()...)
	return true
}

// program writes the path of the running program.
func (a *echoleakAgent) program() bool {
	path, err := echoleakos.Executable()
	if err != nil {
		return a.refuse(err.Error())
	}
	a.text(path)
	return true
}

// readyToDump collects garbage, and refuses a dump that could not be sent or would end the process.
//
// The runtime cannot dump a goroutine that its collector has found to be leaked. Whoever asked for
// that profile, its count is of the last search, and each search marks these goroutines anew.
func (a *echoleakAgent) readyToDump(conn echoleaknet.Conn) bool {
	file, err := echoleakFile(conn)
	if err != nil {
		return a.refuse("this system cannot send a heap dump: " + err.Error())
	}
	_ = file.Close()
	var after echoleakruntime.MemStats
	a.collect(&after)
	if found := echoleakpprof.Lookup("goroutineleak"); found != nil && found.Count() > 0 {
		return a.refuse("a goroutineleak profile has found leaked goroutines in this process, and" +
			" Go's runtime cannot dump them: it would end")
	}
	return true
}

// echoleakDump sends what the runtime writes, which has no length and ignores errors, then an end
// mark: where that is missing the dump was cut. The connection is of no use afterwards.
func echoleakDump(conn echoleaknet.Conn) {
	file, err := echoleakFile(conn)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	echoleakdebug.WriteHeapDump(file.Fd())
	_, _ = file.WriteString(echoleakDumpEnd)
}

func echoleakFile(conn echoleaknet.Conn) (*echoleakos.File, error) {
	if socket, ok := conn.(*echoleaknet.TCPConn); ok {
		return socket.File()
	}
	return nil, echoleakos.ErrInvalid
}

// echoleakPlanted are the leaks of the self-test. They stay until they are taken away.
var echoleakPlanted struct {
	objects    [][]byte
	goroutines int64
	wake       chan bool
}

// plant adds known leaks: so many objects, of so many bytes, and so many goroutines that wait for
// ever. Without any of them, all that were planted are taken away.
//
// A package variable reaches what the goroutines wait for: the collector proves nothing of them,
// and they can be woken.
func (a *echoleakAgent) plant(arguments []int64) bool {
	if len(arguments) != 3 {
		return a.refuse("plant takes three numbers")
	}
	for _, one := range arguments {
		if one < 0 || one > echoleakPlantedLimit {
			return a.refuse("plant takes numbers from 0 to 1048576")
		}
	}
	planted := &echoleakPlanted
	if arguments[0] == 0 && arguments[2] == 0 {
		for ; planted.goroutines > 0; planted.goroutines-- {
			planted.wake <- true
		}
		planted.objects = nil
		return true
	}
	if planted.wake == nil {
		planted.wake = make(chan bool)
	}
	for i := int64(0); i < arguments[0]; i++ {
		planted.objects = append(planted.objects, echoleakPlantedLeak(arguments[1]))
	}
	for i := int64(0); i < arguments[2]; i++ {
		go echoleakPlantedWait(planted.wake)
		planted.goroutines++
	}
	return true
}

//go:noinline
func echoleakPlantedLeak(size int64) []byte { return make([]byte, size) }

//go:noinline
func echoleakPlantedWait(wake chan bool) { <-wake }

func (a *echoleakAgent) refuse(why string) bool {
	a.answer = append(a.answer[:5], why...)
	return false
}

func (a *echoleakAgent) number(value int64) {
	a.answer = echoleakbinary.LittleEndian.AppendUint64(a.answer, uint64(value))
}

func (a *echoleakAgent) text(value string) {
	a.number(int64(len(value)))
	a.answer = append(a.answer, value...)
}

func echoleakFlag(value bool) int64 {
	if value {
		return 1
	}
	return 0
}
