package main

import (
	"sort"
	"strings"
)

// The kinds of roots, as users read them.
const (
	rootVariable  = "package variable"
	rootGoroutine = "goroutine"
	rootFinalizer = "finalizer"
	rootRuntime   = "runtime"
	rootTimer     = "timer"
	rootNothing   = "nothing"
)

// In which order roots are asked who reaches an object first. What a developer would name comes
// before what the runtime keeps for itself: an object of the first wave has a name in the program.
const (
	waveProgram = iota
	waveTimers
	waveFinalizers
	waveRuntime
	waves
)

// At which distance from the nearest roots the search begins at others: what is preferred begins
// earlier. The library's goroutines know much of what the program has given them.
const (
	startMain            = 1
	startLibraryVariable = 2
	startGoroutine       = 3
	startLast            = 24 // a goroutine of libraries alone
)

// edge leads from a root to a node. `place` is the address of the word that holds the pointer, in
// the data segment or on a stack.
type edge struct {
	to    uint32
	place uint64
}

// root is a node that is no object: a package variable, a goroutine, a finalizer.
type root struct {
	kind      string
	name      string
	pkg       string
	addr      uint64 // of a variable
	size      uint64
	pos       int // of a variable's contents in the dump
	goroutine int
	wave      int
	start     int  // at which distance the search begins at it
	inner     bool // data without a name of its own, reached from named data
	typ       int32
	edges     []edge
}

// rootSet makes the roots of a dump.
type rootSet struct {
	d      *dump
	p      *program
	x      *index
	roots  []root
	byAddr map[uint64]int
	cuts   []uint64 // where data without a symbol begins
}

func makeRoots(d *dump, p *program, x *index) *rootSet {
	s := &rootSet{d: d, p: p, x: x, byAddr: map[uint64]int{}}
	for _, segment := range d.segments {
		if !p.loaded {
			// The data segment is written first.
			p.loadedAt(segment.addr)
		}
	}
	s.findCuts()
	for i := range d.segments {
		s.variables(&d.segments[i])
	}
	for i := range d.goroutines {
		s.goroutine(i)
	}
	s.finalizers()
	for _, address := range d.otherRoots {
		s.add(root{kind: rootRuntime, name: "runtime", wave: waveRuntime}, edge{s.x.find(address), 0})
	}
	return s
}

func (s *rootSet) add(one root, edges ...edge) int {
	for _, e := range edges {
		if e.to != none {
			one.edges = append(one.edges, e)
		}
	}
	one.typ = noType
	s.roots = append(s.roots, one)
	return len(s.roots) - 1
}

// eachPointer calls `visit` with the address and value of each pointer of a block of the dump.
func (s *rootSet) eachPointer(base uint64, pos, size, fields int, visit func(place, value uint64)) {
	r := &reader{data: s.d.data, at: fields}
	for r.number() != 0 {
		off := r.number()
		if size < 8 || off > uint64(size-8) {
			continue
		}
		if value := word(s.d.data, pos+int(off)); value != 0 {
			visit(base+off, value)
		}
	}
}

func (s *rootSet) inData(address uint64) *segment {
	for i := range s.d.segments {
		segment := &s.d.segments[i]
		if address-segment.addr < uint64(segment.size) {
			return segment
		}
	}
	return nil
}

// findCuts collects where data begins that no symbol names: what a statically initialised variable
// points to. Without them all of it would be one block, and everything in it held by everybody.
func (s *rootSet) findCuts() {
	seen := map[uint64]bool{}
	for i := range s.d.segments {
		segment := &s.d.segments[i]
		s.eachPointer(segment.addr, segment.pos, segment.size, segment.fields, func(_, value uint64) {
			if s.inData(value) != nil && s.p.symbolAt(value) == nil && !seen[value] {
				seen[value] = true
				s.cuts = append(s.cuts, value)
			}
		})
	}
	sort.Slice(s.cuts, func(a, b int) bool { return s.cuts[a] < s.cuts[b] })
}

func (s *rootSet) variables(segment *segment) {
	visit := func(place, value uint64) {
		to := s.x.find(value)
		if to != none {
			from := s.variable(place)
			s.roots[from].edges = append(s.roots[from].edges, edge{to, place})
		} else if s.inData(value) != nil {
			from, target := s.variable(place), s.variable(value)
			if from != target {
				to := uint32(len(s.d.addr) + target)
				s.roots[from].edges = append(s.roots[from].edges, edge{to, place})
			}
		}
	}
	s.eachPointer(segment.addr, segment.pos, segment.size, segment.fields, visit)
}

// variable returns the root for an address of the data segments.
func (s *rootSet) variable(address uint64) int {
	symbol := s.p.symbolAt(address)
	begin, size, name := uint64(0), uint64(0), ""
	if symbol != nil {
		begin, size, name = symbol.addr+s.p.slide, symbol.size, symbol.name
	} else {
		begin, size = s.unnamed(address)
	}
	if known, ok := s.byAddr[begin]; ok {
		return known
	}
	one := root{kind: rootVariable, name: name, addr: begin, size: size, pos: -1}
	if segment := s.inData(begin); segment != nil && size <= uint64(segment.size)-(begin-segment.addr) {
		one.pos = segment.pos + int(begin-segment.addr)
	}
	s.rank(&one)
	at := s.add(one)
	s.byAddr[begin] = at
	return at
}

// unnamed returns where the data without a symbol begins and ends that an address lies in.
func (s *rootSet) unnamed(address uint64) (begin, size uint64) {
	segment := s.inData(address)
	begin, end := segment.addr, segment.addr+uint64(segment.size)
	i := sort.Search(len(s.cuts), func(i int) bool { return s.cuts[i] > address })
	if i > 0 && s.cuts[i-1] > begin {
		begin = s.cuts[i-1]
	}
	if i < len(s.cuts) && s.cuts[i] < end {
		end = s.cuts[i]
	}
	if next := s.p.nextSymbol(address); next < end {
		end = next
	}
	return begin, end - begin
}

func (s *rootSet) rank(one *root) {
	one.pkg = packageOf(one.name)
	switch {
	case one.name == "" || strings.Contains(one.name, "..stmp_"):
		one.wave, one.inner = waveRuntime, true
	case one.name == "runtime.allp":
		one.wave = waveTimers
	case one.pkg == "runtime" || one.pkg == "" || one.name == "sync.allPools" ||
		strings.HasPrefix(one.pkg, "internal/") || strings.HasPrefix(one.pkg, "runtime/"):
		one.wave = waveRuntime
	case s.p.isStandard(one.pkg):
		one.wave, one.start = waveProgram, startLibraryVariable
	default:
		one.wave = waveProgram
	}
	if !one.inner && one.wave != waveProgram {
		one.kind = rootRuntime
	}
}

func (s *rootSet) goroutine(i int) {
	g := &s.d.goroutines[i]
	one := root{kind: rootGoroutine, goroutine: i, wave: waveProgram, start: startGoroutine}
	one.name = entryFunction(g)
	switch {
	case g.system:
		one.wave, one.kind = waveRuntime, rootRuntime
	case one.name == "main.main":
		one.start = startMain
	case s.onlyLibraries(g):
		one.start = startLast
	}
	var edges []edge
	for _, f := range g.frames {
		s.eachPointer(f.sp, f.pos, f.size, f.fields, func(place, value uint64) {
			edges = append(edges, edge{s.x.find(value), place})
		})
	}
	edges = append(edges, edge{s.x.find(g.context), 0})
	for _, address := range g.more {
		edges = append(edges, edge{s.x.find(address), 0})
	}
	s.add(one, edges...)
}

// onlyLibraries tells whether nothing of a goroutine's is the program's: a request that a handler of the
// program's serves is, too, begun by net/http.
func (s *rootSet) onlyLibraries(g *goroutine) bool {
	for _, f := range g.frames {
		if !s.p.isForeign(packageOf(f.name)) {
			return false
		}
	}
	return true
}

// entryFunction is the outermost function of a goroutine, the one that its `go` statement names:
// profiles, too, leave out the wrapper that brings a call's arguments.
func entryFunction(g *goroutine) string {
	wrapper := "a goroutine"
	for i := len(g.frames) - 1; i >= 0; i-- {
		name := g.frames[i].name
		switch {
		case name == "runtime.goexit" || name == "runtime.main" || name == "runtime.mstart" ||
			name == "runtime.corostart":
		case strings.Contains(name, ".gowrap") && i > 0:
			wrapper = name
		case isRuntime(name):
			return wrapper
		default:
			return name
		}
	}
	return wrapper
}

// finalizers keep what their object points to, not the object itself, and their function.
func (s *rootSet) finalizers() {
	for _, f := range s.d.finalizers {
		one := root{kind: rootFinalizer, name: "finalizer", wave: waveFinalizers}
		edges := []edge{{s.x.find(f.fn), 0}}
		object := s.x.find(f.object)
		if f.queued {
			edges = append(edges, edge{object, 0})
		} else if object != none {
			pos, size := int(s.d.pos[object]), int(s.d.size[object])
			s.eachPointer(s.d.addr[object], pos, size, pos+size, func(place, value uint64) {
				edges = append(edges, edge{s.x.find(value), place})
			})
		}
		one.addr = f.object
		s.add(one, edges...)
	}
}
