package main

import (
	"sort"
	"strings"
)

// How sure the type of an object is; a surer statement replaces one that is less so.
const (
	rankInside  = 1 + iota // a pointer to the middle of it
	rankPointer            // a pointer to its begin
	rankSite               // the type that the allocating code names
	rankMany               // a slice, an interface, a closure or a container of the runtime
	rankHeader             // the type that stands before the object
)

const repeated = 0x80 // a flag beside the rank: the object is an array of its type

// typing finds the types of objects, which a dump does not state, by following pointers whose type
// is known: from package variables, variables on stacks, interfaces, closures and malloc headers.
type typing struct {
	t        *typeTable
	g        *graph
	x        *index
	of       []int32  // by object
	off      []uint32 // where a value of the type begins in the object
	rank     []uint8
	queue    []uint32
	closures map[uint64]int32 // by the (linked) entry of the code
	nodes    map[int32][2]int32
	text     int32            // the type of a string's bytes, which has no name in Go
	stack    []stackVariables // by goroutine
}

func newTyping(t *typeTable, g *graph, x *index) *typing {
	y := &typing{
		t: t, g: g, x: x,
		of:       make([]int32, g.objects),
		off:      make([]uint32, g.objects),
		rank:     make([]uint8, g.objects),
		closures: map[uint64]int32{},
		nodes:    map[int32][2]int32{},
	}
	for i := range y.of {
		y.of[i] = noType
	}
	y.text = t.add(typ{name: "string", kind: kindByte, size: 1, elem: noType, key: noType})
	return y
}

// run finds all types. `sites` are the types that allocation sites name, by object.
func (y *typing) run(sites []int32) {
	if len(y.t.byRuntime) == 0 {
		return
	}
	y.headers()
	for i, typ := range sites {
		if typ != noType {
			y.assign(uint32(i), typ, 0, rankSite, false)
		}
	}
	y.variables()
	y.frames()
	y.follow()
	y.interfaces()
	y.follow()
}

// follow types what the objects lead to whose types were found last.
func (y *typing) follow() {
	for len(y.queue) > 0 {
		last := len(y.queue) - 1
		node := y.queue[last]
		y.queue = y.queue[:last]
		y.object(node)
	}
}

// interfaces types what interfaces that have methods, in objects of no known type, lead to.
func (y *typing) interfaces() {
	d := y.g.d
	for node := range y.of {
		if y.of[node] != noType || !d.hasPointers(node) {
			continue
		}
		pos := int(d.pos[node])
		r := reader{data: d.data, at: pos + int(d.size[node])}
		for at := y.g.start[node]; r.number() != 0; at++ {
			y.inInterface(pos, r.number(), y.g.to[at])
		}
	}
}

// inInterface types the object that a word leads to where the word before it is an interface's.
func (y *typing) inInterface(pos int, off uint64, to uint32) {
	if at := pos + int(off); off >= 8 && to != none {
		data := y.g.d.data
		y.boxed(y.dynamic(false, word(data, at-8)), word(data, at), to, at)
	}
}

// assign states that an object has a value of a type at an offset.
func (y *typing) assign(node uint32, typ int32, off uint64, rank uint8, many bool) {
	if typ == noType || int(node) >= y.g.objects || y.rank[node]&^repeated >= rank {
		return
	}
	one := &y.t.types[typ]
	size := y.g.d.size[node]
	if one.size == 0 || off+one.size > size {
		return
	}
	if strings.HasPrefix(one.name, "internal/sync.node[") {
		typ = y.nodeOf(typ, y.g.d.data[int(y.g.d.pos[node])+int(off)] != 0)
	}
	y.of[node], y.off[node], y.rank[node] = typ, uint32(off), rank
	if many {
		y.rank[node] |= repeated
	}
	y.queue = append(y.queue, node)
}

// nodeOf returns what a node of sync.Map's trie is: an entry or an inner node.
func (y *typing) nodeOf(typ int32, entry bool) int32 {
	found, known := y.nodes[typ]
	if !known {
		rest := strings.TrimPrefix(y.t.types[typ].name, "internal/sync.node")
		for i, name := range []string{"internal/sync.indirect", "internal/sync.entry"} {
			found[i] = typ
			if other, ok := y.t.byName[name+rest]; ok {
				found[i] = other
			}
		}
		y.nodes[typ] = found
	}
	if entry {
		return found[1]
	}
	return found[0]
}

// headers types the objects that begin with their type: those with pointers of 513 bytes to 32 KiB,
// since Go 1.22. Where the word is no type's address there is none.
func (y *typing) headers() {
	d := y.g.d
	for i := range d.addr {
		if d.size[i] <= 512 || d.size[i] > 32768 || !d.hasPointers(i) {
			continue
		}
		first := word(d.data, int(d.pos[i]))
		typ, ok := y.t.byRuntime[first-y.t.program.slide]
		// The runtime's own types of a map say nothing of its keys and elements: pointers do.
		if ok && !strings.Contains(y.t.types[typ].name, "internal/runtime/maps.") {
			y.assign(uint32(i), typ, 8, rankHeader, d.size[i]-8 >= 2*y.t.types[typ].size)
		}
	}
}

func (y *typing) variables() {
	for i := range y.g.roots {
		one := &y.g.roots[i]
		if one.pos < 0 {
			continue
		}
		if typ, ok := y.t.globals[one.addr-y.t.program.slide]; ok {
			one.typ = typ
		}
	}
	// Data without a name gets its type from named data, which may lead over other such data.
	for round := 0; round < 4; round++ {
		for i := range y.g.roots {
			if y.g.roots[i].typ != noType && y.g.roots[i].pos >= 0 {
				y.variable(i)
			}
		}
	}
}

func (y *typing) variable(i int) {
	one := &y.g.roots[i]
	for _, e := range one.edges {
		off := e.place - one.addr
		at := one.pos + int(off)
		if at < 8 || at+16 > len(y.g.d.data) {
			continue
		}
		found, ok := y.t.leafAt(one.typ, off)
		if !ok {
			continue
		}
		y.pointer(found.typ, off-found.off, at, e.to)
	}
}

// object follows the pointers of a typed object.
func (y *typing) object(node uint32) {
	d := y.g.d
	pos, size := int(d.pos[node]), int(d.size[node])
	typ, begin := y.of[node], uint64(y.off[node])
	width := y.t.types[typ].size
	many := y.rank[node]&repeated != 0
	r := reader{data: d.data, at: pos + size}
	for at := y.g.start[node]; r.number() != 0; at++ {
		off := r.number()
		to := y.g.to[at]
		if to == none || off < begin {
			continue
		}
		inside := off - begin
		if many {
			inside %= width
		} else if inside >= width {
			if y.t.types[typ].closure { // of generic code: its variables may have no names
				y.inInterface(pos, off, to)
			}
			continue
		}
		found, ok := y.t.leafAt(typ, inside)
		if ok && y.t.types[typ].closure && !y.t.isPointer(found.typ) {
			// Captured by reference: the field holds the address of such a variable.
			y.pointee(fieldAt(&y.t.types[typ], inside).typ, word(d.data, pos+int(off)), to, rankPointer, false)
		} else if ok {
			y.pointer(found.typ, inside-found.off, pos+int(off), to)
		}
	}
}

// pointer states what a pointer tells about the object it leads to: it is the word at `inside` of a
// value of type `typ`, and lies at `at` in the dump.
func (y *typing) pointer(typ int32, inside uint64, at int, to uint32) {
	if typ == noType {
		return
	}
	data := y.g.d.data
	value := word(data, at)
	one := &y.t.types[typ]
	switch one.kind {
	case kindPointer:
		y.pointee(one.elem, value, to, rankPointer, false)
	case kindElements, kindSlice:
		y.pointee(one.elem, value, to, rankMany, true)
	case kindMap, kindChan:
		if one.elem != noType {
			y.pointee(y.t.types[one.elem].elem, value, to, rankMany, false)
		}
	case kindDirectory:
		if at+16 > len(data) {
			return
		}
		if word(data, at+8) == 0 {
			y.pointee(one.key, value, to, rankMany, false)
		} else {
			y.pointee(one.elem, value, to, rankMany, true)
		}
	case kindString:
		y.pointee(y.text, value, to, rankInside, false)
	case kindFunc:
		y.pointee(y.closureAt(value, to), value, to, rankMany, false)
	case kindInterface:
		if inside == 8 && at >= 8 {
			y.boxed(y.dynamic(one.eface, word(data, at-8)), value, to, at)
		}
	}
}

// boxed types what an interface holds: a value of pointer shape is the pointer itself.
func (y *typing) boxed(typ int32, value uint64, to uint32, at int) {
	if typ == noType {
		return
	}
	switch one := &y.t.types[typ]; one.kind {
	case kindPointer, kindMap, kindChan, kindFunc:
		y.pointer(typ, 0, at, to)
	case kindUnsafe:
	default:
		if inner, ok := y.t.leafAt(typ, 0); ok && one.size == 8 && one.kind != kindString {
			switch y.t.types[inner.typ].kind {
			case kindPointer, kindMap, kindChan, kindFunc:
				y.pointer(inner.typ, 0, at, to)
				return
			}
		}
		y.pointee(typ, value, to, rankMany, false)
	}
}

// dynamic returns the type that an interface's first word names.
func (y *typing) dynamic(eface bool, first uint64) int32 {
	if !eface {
		typ, ok := y.g.d.itabs[first]
		if !ok {
			return noType
		}
		first = typ
	}
	if typ, ok := y.t.byRuntime[first-y.t.program.slide]; ok {
		return typ
	}
	return noType
}

// pointee states that a pointer of value `value` leads to a value of a type.
func (y *typing) pointee(typ int32, value uint64, to uint32, rank uint8, many bool) {
	if typ == noType {
		return
	}
	if int(to) >= y.g.objects {
		one := &y.g.roots[int(to)-y.g.objects]
		if one.typ == noType && one.addr == value {
			one.typ = typ
		}
		return
	}
	off := value - y.g.d.addr[to]
	switch {
	case many && y.t.types[typ].size > 0:
		// A slice may begin within the array: values begin at every multiple of their size.
		header := uint64(0)
		if size := y.g.d.size[to]; off >= 8 && size > 512 && size <= 32768 && off%8 == 0 {
			header = (off - 8) % y.t.types[typ].size
			if header == 0 {
				off = 8
			}
		}
		if off != 8 || header != 0 {
			off %= y.t.types[typ].size
		}
	case off > 8 || off != 0 && y.g.d.size[to] <= 512:
		rank = rankInside
	}
	y.assign(to, typ, off, rank, many)
}

// closureAt returns a struct type for the closure that begins at an object: its captured variables.
func (y *typing) closureAt(value uint64, to uint32) int32 {
	if int(to) >= y.g.objects {
		return noType
	}
	d := y.g.d
	off := value - d.addr[to]
	if off+8 > d.size[to] {
		return noType
	}
	entry := word(d.data, int(d.pos[to])+int(off)) - y.t.program.slide
	if known, ok := y.closures[entry]; ok {
		return known
	}
	name, _, _ := y.t.program.place(entry + y.t.program.slide)
	if name == "" {
		return noType
	}
	one := typ{name: "func " + name, kind: kindStruct, size: 8, elem: noType, key: noType, closure: true}
	one.fields = []field{{"", noType, 0}}
	_, captured := y.t.functionVariables(entry)
	sort.SliceStable(captured, func(a, b int) bool { return captured[a].off < captured[b].off })
	for _, slot := range captured {
		if slot.off < one.size || slot.typ == noType {
			continue
		}
		one.fields = append(one.fields, field{strings.TrimPrefix(slot.name, "&"), slot.typ, slot.off})
		one.size = slot.off + y.t.types[slot.typ].size
	}
	if len(captured) == 0 && strings.HasSuffix(name, "-fm") {
		if receiver := y.t.receiver(name); receiver != noType {
			one.fields = append(one.fields, field{"receiver", receiver, 8})
			one.size = 8 + y.t.types[receiver].size
		}
	}
	// A variable captured by reference is as wide as a pointer, whatever its type is.
	if room := d.size[to] - off; one.size > room {
		one.size = room
	}
	typ := y.t.add(one)
	y.closures[entry] = typ
	return typ
}
