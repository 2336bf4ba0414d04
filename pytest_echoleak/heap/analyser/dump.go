package main

import (
	"bytes"
)

// The kinds of records, as runtime/heapdump.go writes them.
const (
	tagEnd = iota
	tagObject
	tagOtherRoot
	tagType
	tagGoroutine
	tagFrame
	tagParams
	tagFinalizer
	tagItab
	tagThread
	tagMemStats
	tagQueuedFinalizer
	tagData
	tagBSS
	tagDefer
	tagPanic
	tagMemProf
	tagSample
)

const (
	dumpHeader = "go1.7 heap dump\n"
	// Names beyond this are cut: they are shown, not compared.
	maxTextSize = 2_000
	maxFrames   = 512 // of a stack that is looked at
)

// segment is the data or the bss segment: its words that hold pointers are roots.
type segment struct {
	addr   uint64
	pos    int // of the contents in the dump
	size   int
	fields int // where the list of pointer offsets begins in the dump
}

type goroutine struct {
	addr      uint64
	id        uint64
	createdBy uint64 // the pc of its `go` statement
	system    bool
	wait      string
	context   uint64
	frames    []frame
	more      []uint64 // what its deferred calls and panics hold
}

type frame struct {
	sp     uint64
	pos    int
	size   int
	entry  uint64
	pc     uint64
	name   string
	fields int
}

type finalizer struct {
	object uint64
	fn     uint64
	typ    uint64
	queued bool
}

// record is one stack of the memory profile.
type record struct {
	pos    int // of its frames in the dump
	frames int
}

// dump is a heap dump, decoded so far that nothing of it is copied: contents stay where they are.
type dump struct {
	data    []byte
	version string
	arch    string

	// One entry per object, sorted by address.
	addr []uint64
	size []uint64
	pos  []int64 // of the contents; the list of pointer offsets follows them

	slots       int // pointers of all objects, nil ones too
	segments    []segment
	goroutines  []goroutine
	finalizers  []finalizer
	otherRoots  []uint64
	itabs       map[uint64]uint64
	records     []record
	recordIndex map[uint64]int32
	sampleAddr  []uint64
	sampleOf    []int32
	heapObjects uint64
	heapBytes   uint64
}

// parse decodes a dump; it panics with `damaged` where it is none, cut off, or contradicts itself.
func parse(data []byte) *dump {
	if !bytes.HasPrefix(data, []byte(dumpHeader)) {
		fail("it does not begin like a heap dump of Go 1.7 or later")
	}
	d := &dump{
		data:        data,
		itabs:       map[uint64]uint64{},
		recordIndex: map[uint64]int32{},
	}
	// An object takes 40 bytes and more of a dump, its sample included: most dumps fit without growth.
	guess := len(data) / 64
	d.addr, d.size, d.pos = make([]uint64, 0, guess), make([]uint64, 0, guess), make([]int64, 0, guess)
	r := &reader{data: data, at: len(dumpHeader)}
	current := map[uint64]int{}
	for {
		if r.at >= len(data) {
			fail("it is cut off: its end record is missing after %d bytes", len(data))
		}
		switch tag := r.number(); tag {
		case tagObject:
			d.object(r)
			continue
		case tagEnd:
			if d.version == "" {
				fail("it does not say which Go wrote it")
			}
			return d
		case tagGoroutine:
			g := d.goroutine(r)
			current[g.addr] = len(d.goroutines)
			d.goroutines = append(d.goroutines, g)
		case tagFrame:
			if len(d.goroutines) == 0 {
				fail("a stack frame at byte %d has no goroutine", r.at)
			}
			g := &d.goroutines[len(d.goroutines)-1]
			g.frames = append(g.frames, readFrame(r))
		case tagDefer, tagPanic:
			d.deferred(r, tag, current)
		case tagParams:
			d.params(r)
		case tagItab:
			itab := r.number()
			d.itabs[itab] = r.number()
		case tagType:
			skip(r, 2)
			r.span()
			r.number()
		case tagThread:
			skip(r, 3)
		case tagOtherRoot:
			r.span()
			d.otherRoots = append(d.otherRoots, r.number())
		case tagFinalizer, tagQueuedFinalizer:
			f := finalizer{queued: tag == tagQueuedFinalizer}
			f.object, f.fn = r.number(), r.number()
			skip(r, 2)
			f.typ = r.number()
			d.finalizers = append(d.finalizers, f)
		case tagData, tagBSS:
			s := segment{addr: r.number()}
			s.pos, s.size = r.span()
			s.fields = r.at
			r.fields()
			d.segments = append(d.segments, s)
		case tagMemStats:
			d.memStats(r)
		case tagMemProf:
			d.profileRecord(r)
		case tagSample:
			d.sample(r)
		default:
			fail("a record of the unknown kind %d stands at byte %d", tag, r.at)
		}
	}
}

func (d *dump) object(r *reader) {
	address := r.number()
	pos, size := r.span()
	d.addr = append(d.addr, address)
	d.size = append(d.size, uint64(size))
	d.pos = append(d.pos, int64(pos))
	if size == 0 || address+uint64(size) < address {
		fail("an object at byte %d has an impossible size or address", pos)
	}
	d.slots += r.fields()
}

func (d *dump) goroutine(r *reader) goroutine {
	g := goroutine{addr: r.number()}
	r.number() // the stack pointer
	g.id = r.number()
	g.createdBy = r.number()
	r.number() // the status
	g.system = r.number() != 0
	skip(r, 2)
	g.wait = shortText(r)
	g.context = r.number()
	skip(r, 3)
	return g
}

func readFrame(r *reader) frame {
	f := frame{sp: r.number()}
	skip(r, 2)
	f.pos, f.size = r.span()
	f.entry, f.pc = r.number(), r.number()
	r.number() // where it goes on after a panic
	f.name = shortText(r)
	f.fields = r.at
	r.fields()
	return f
}

func (d *dump) deferred(r *reader, tag uint64, current map[uint64]int) {
	address := r.number()
	owner := r.number()
	held := []uint64{address}
	if tag == tagDefer {
		skip(r, 2)
		held = append(held, r.number())
	} else {
		r.number()
		held = append(held, r.number())
	}
	skip(r, 2)
	if index, ok := current[owner]; ok {
		d.goroutines[index].more = append(d.goroutines[index].more, held...)
	}
}

func (d *dump) params(r *reader) {
	bigEndian, pointer := r.number(), r.number()
	skip(r, 2)
	d.arch = shortText(r)
	d.version = shortText(r)
	r.number()
	if bigEndian != 0 || pointer != 8 {
		fail("it comes from %q; only little-endian machines of 64 bits are supported", d.arch)
	}
}

func (d *dump) memStats(r *reader) {
	skip(r, 6)
	d.heapBytes = r.number()
	skip(r, 4)
	d.heapObjects = r.number()
	skip(r, 12+256+1)
}

func (d *dump) profileRecord(r *reader) {
	id := r.number()
	r.number()
	count := r.number()
	start := r.at
	if count > uint64(len(r.data)-r.at) {
		fail("it is cut off or damaged: a stack of %d frames at byte %d reaches beyond its end", count, r.at)
	}
	for i := uint64(0); i < count; i++ {
		r.span()
		r.span()
		r.number()
	}
	skip(r, 2)
	d.recordIndex[id] = int32(len(d.records))
	d.records = append(d.records, record{start, int(count)})
}

func (d *dump) sample(r *reader) {
	address := r.number()
	index, ok := d.recordIndex[r.number()]
	if !ok {
		fail("a sample at byte %d names no stack", r.at)
	}
	d.sampleAddr = append(d.sampleAddr, address)
	d.sampleOf = append(d.sampleOf, index)
}

func skip(r *reader, count int) {
	for i := 0; i < count; i++ {
		r.number()
	}
}

func shortText(r *reader) string {
	start, size := r.span()
	if size > maxTextSize {
		size = maxTextSize
	}
	return string(r.data[start : start+size])
}
