package main

import (
	"sort"
	"strings"
)

// step is one pointer of a path, as people name it: the fields that lead to it and its type. Steps
// inside of a container of Go's have no text.
type step struct {
	to        uint32
	fields    string
	typ       string
	container string // "map", "slice", "channel", "list", ...
	pointee   string // the type of what it leads to, where known
	shown     uint64 // how many bytes of it a string shows, 0 where it is no string
}

// element is one or more steps shown as one: `first` is the node it leads to first, `last` the one
// that the next element begins at (they differ in a chain of nodes of one type).
type element struct {
	text      string
	typ       string
	fields    string
	container string
	first     uint32
	last      uint32
	shown     uint64
}

// exits are the fields at which a value of the user's lies inside of a container of Go's.
var exits = map[string]bool{"elem": true, "key": true, "keys": true, "values": true, "value": true, "Value": true}

var containers = map[int]string{kindMap: "map", kindSlice: "slice", kindChan: "channel"}

// namer turns paths of nodes into names.
type namer struct {
	g *graph
	y *typing
	t *typeTable
	x *index

	slots map[uint32][]slotOf // of objects with many pointers
	sites []int32             // the record of each object, -1 where it has none
	ofMap []bool              // by record: whether it is of a map's insides
}

// Of a longer path the middle is left out: so far away are nodes of a chain alone.
const pathEnds = 50

// nodesTo returns the nodes of the shortest path to a node, its root first; `none` stands for nodes
// left out.
func (n *namer) nodesTo(node uint32) []uint32 {
	depth := n.g.depth[node]
	var path []uint32
	for at := node; at != none; at = n.g.parent[at] {
		left := n.g.depth[at]
		if depth > 2*pathEnds && left > pathEnds && depth-left > pathEnds {
			if path[len(path)-1] != none {
				path = append(path, none)
			}
			continue
		}
		path = append(path, at)
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

// step names the pointer that leads from a node to the next one.
func (n *namer) step(from, to uint32) []step {
	if int(from) < n.g.objects {
		off, at := n.slot(from, to)
		return n.fromObject(from, to, off, at)
	}
	one := &n.g.roots[int(from)-n.g.objects]
	for _, e := range one.edges {
		if e.to != to {
			continue
		}
		switch one.kind {
		case rootGoroutine:
			return n.fromStack(one, e)
		case rootFinalizer:
			if object := n.x.find(one.addr); object != none && e.place != 0 {
				off := e.place - n.g.d.addr[object]
				return n.fromObject(object, to, off, int(n.g.d.pos[object])+int(off))
			}
		}
		if one.pos < 0 || e.place < one.addr {
			break
		}
		off := e.place - one.addr
		return n.describe(one.typ, off, one.pos+int(off), to, true)
	}
	return []step{n.unknown(to)}
}

// slot returns the offset of the pointer from one object to another, and where it lies in the dump.
func (n *namer) slot(from, to uint32) (uint64, int) {
	pos := int(n.g.d.pos[from])
	if n.g.start[from+1]-n.g.start[from] > manySlots {
		return n.slotOfMany(from, to)
	}
	r := reader{data: n.g.d.data, at: pos + int(n.g.d.size[from])}
	for at := n.g.start[from]; r.number() != 0; at++ {
		off := r.number()
		if n.g.to[at] == to {
			return off, pos + int(off)
		}
	}
	return 0, pos
}

// An object with more pointers has an index of them made: thousands of paths may lead through it.
const manySlots = 64

// slotOf is one pointer of an object.
type slotOf struct {
	to  uint32
	off uint64
}

func (n *namer) slotOfMany(from, to uint32) (uint64, int) {
	pos := int(n.g.d.pos[from])
	slots, known := n.slots[from]
	if !known {
		r := reader{data: n.g.d.data, at: pos + int(n.g.d.size[from])}
		for at := n.g.start[from]; r.number() != 0; at++ {
			off := r.number()
			if n.g.to[at] != none {
				slots = append(slots, slotOf{n.g.to[at], off})
			}
		}
		sort.SliceStable(slots, func(a, b int) bool { return slots[a].to < slots[b].to })
		n.slots[from] = slots
	}
	i := sort.Search(len(slots), func(i int) bool { return slots[i].to >= to })
	if i == len(slots) || slots[i].to != to {
		return 0, pos
	}
	return slots[i].off, pos + int(slots[i].off)
}

func (n *namer) fromObject(from, to uint32, off uint64, at int) []step {
	typ, begin := n.y.of[from], uint64(n.y.off[from])
	if typ == noType || off < begin {
		return []step{n.unknown(to)}
	}
	inside := off - begin
	if n.y.rank[from]&repeated != 0 {
		inside %= n.t.types[typ].size
	}
	return n.describe(typ, inside, at, to, false)
}

func (n *namer) fromStack(one *root, e edge) []step {
	g := &n.g.d.goroutines[one.goroutine]
	at := placeOnStack(g, e.place)
	v := n.y.stack[one.goroutine].at(e.place)
	if v == nil || at < 0 {
		return []step{n.unknown(e.to)}
	}
	if v.deref {
		return []step{{to: e.to, typ: "*" + n.t.text(v.typ), pointee: n.t.text(v.typ)}}
	}
	steps := n.describe(v.typ, e.place-v.addr+v.inValue, at, e.to, true)
	steps[0].fields = joinFields([]string{v.fields, steps[0].fields})
	return steps
}

// describe names the pointer at an offset of a value of a type. It makes two steps where a container
// of Go's lies in the value itself: one for the container and one for what is inside. `whole` is set
// where the value is a variable, which no pointer before has named.
func (n *namer) describe(typ int32, off uint64, at int, to uint32, whole bool) []step {
	owners, names := n.t.trail(typ, off)
	found, ok := n.t.leafAt(typ, off)
	if !ok {
		return []step{n.unknown(to)}
	}
	if n.t.types[typ].closure && !n.t.isPointer(found.typ) {
		of := fieldAt(&n.t.types[typ], off)
		return []step{{to: to, fields: of.name, typ: "*" + n.t.text(of.typ), pointee: n.t.text(of.typ)}}
	}
	last := n.leafStep(found.typ, off-found.off, at, to)
	last.fields = joinFields(names)
	for i, owner := range owners {
		if !n.t.hidden(owner) {
			continue
		}
		var steps []step
		if i > 0 || whole {
			// The container lies in the user's value, or is the variable itself.
			name := n.t.text(owner)
			steps = append(steps, step{to: to, fields: joinFields(names[:i]), typ: name, container: containerName(name)})
		}
		last.fields = ""
		inside := false
		for j := i; j < len(names); j++ {
			if exits[names[j]] {
				last.fields, inside = joinFields(names[j+1:]), true
				break
			}
		}
		if !inside {
			last.typ, last.container = "", ""
		}
		return append(steps, last)
	}
	return []step{last}
}

func joinFields(names []string) string {
	kept := make([]string, 0, len(names))
	for _, name := range names {
		if name != "_" && name != "" {
			kept = append(kept, name)
		}
	}
	return strings.Join(kept, ".")
}

func containerName(typ string) string {
	switch strings.TrimPrefix(typ, "*") {
	case "list.List":
		return "list"
	case "sync.Map":
		return "sync.Map"
	}
	return ""
}

// leafStep names a pointer by its own type; what an interface holds by the type of that.
func (n *namer) leafStep(typ int32, inside uint64, at int, to uint32) step {
	one := &n.t.types[typ]
	out := step{to: to, typ: n.t.text(typ), container: containers[one.kind]}
	data := n.g.d.data
	switch one.kind {
	case kindPointer:
		out.container = containerName(out.typ)
		out.pointee = n.t.text(one.elem)
		if out.container == "" && n.t.hidden(one.elem) {
			out.typ = ""
		}
	case kindString:
		if inside == 0 && at+16 <= len(data) {
			out.shown = word(data, at+8)
		}
	case kindElements, kindDirectory:
		out.typ = ""
	case kindUnsafe:
		return n.unknown(to)
	case kindFunc:
		if closure := n.y.closureAt(word(data, at), to); closure != noType {
			out.typ = shorten(n.t.types[closure].name)
		}
	case kindInterface:
		if inside != 8 || at < 8 {
			break
		}
		dynamic := n.y.dynamic(one.eface, word(data, at-8))
		if dynamic == noType {
			break
		}
		switch n.t.types[dynamic].kind {
		case kindFunc, kindMap, kindChan, kindPointer:
			return n.leafStep(dynamic, 0, at, to)
		}
		out.typ, out.container = n.t.text(dynamic), containers[n.t.types[dynamic].kind]
		if out.container == "" {
			out.pointee = out.typ
		}
	}
	return out
}

// unknown names an object by what is known of it alone.
func (n *namer) unknown(to uint32) step {
	if int(to) >= n.g.objects {
		return step{to: to}
	}
	typ := n.y.of[to]
	if typ == noType {
		if site := n.sites[to]; site >= 0 && n.ofMap[site] {
			return step{to: to, typ: aMap, container: "map"}
		}
		return step{to: to, typ: "?"}
	}
	if n.t.hidden(typ) {
		return step{to: to}
	}
	name := n.t.text(typ)
	if n.y.rank[to]&repeated != 0 {
		return step{to: to, typ: "[]" + name, container: "slice"}
	}
	if n.t.types[typ].closure {
		return step{to: to, typ: name}
	}
	return step{to: to, typ: "*" + name, pointee: name, container: containerName(name)}
}

// aMap is what is known of a map on a stack: the compiler may leave no trace of its variable.
const aMap = "a map"

// elements names a path of nodes, without the insides of containers; chains of nodes of one type
// become one element.
func (n *namer) elements(path []uint32) []element {
	var out []element
	for i := 1; i < len(path); i++ {
		if path[i] == none || path[i-1] == none {
			continue
		}
		for _, s := range n.step(path[i-1], path[i]) {
			isSame := len(out) > 0 && out[len(out)-1].typ == s.typ
			if s.typ == "" || isSame && (s.typ == "?" || s.typ == aMap) {
				// The inside of a container, or one more object of which nothing is known.
				if len(out) > 0 {
					out[len(out)-1].last = s.to
				}
				continue
			}
			text := s.typ
			if s.fields != "" {
				text = s.fields + " " + text
			}
			out = append(out, element{text, s.typ, s.fields, s.container, s.to, s.to, s.shown})
			out = fold(out)
		}
	}
	return out
}

const (
	maxPeriod  = 3
	linkedList = "linked list" // nodes that hang from each other, as a container
	tree       = "tree"        // nodes that have slices of others
)

// hasContainer tells whether nodes hang from each other in maps or slices: these are what grows.
func hasContainer(elements []element) bool {
	for _, e := range elements {
		if e.container != "" && e.container != linkedList {
			return true
		}
	}
	return false
}

// A node of a tree, and its slice of others.
const treePeriod = 2

// markTree marks the root of a path's last two elements, which came twice, where these are a node and
// a slice of nodes.
func markTree(out []element) {
	last := len(out) - 1
	switch {
	case out[last].container == "slice":
		out[last-1].container = tree
	case last >= treePeriod && out[last-1].container == "slice" && out[last-2].typ == out[last].typ:
		out[last-2].container = tree
	}
}

// isLink tells whether values of a type may hold the next one of their type: a node, a closure.
func isLink(typ string) bool { return strings.HasPrefix(typ, "*") || strings.HasPrefix(typ, "func ") }

// fold drops the last elements where they repeat the ones before them: nodes of a list or a tree.
func fold(out []element) []element {
	for period := 1; period <= maxPeriod; period++ {
		last := len(out) - period
		if last < period {
			break
		}
		same := true
		for i := 0; i < period; i++ {
			a, b := &out[last-period+i], &out[last+i]
			if a.typ != b.typ || a.typ == "?" || period > 1 && i > 0 && a.fields != b.fields {
				same = false
				break
			}
		}
		if !same || period == 1 && !isLink(out[last].typ) {
			continue
		}
		out[last-1].last = out[len(out)-1].last
		if period == treePeriod {
			markTree(out[:last])
		}
		if !hasContainer(out[last-period : last]) {
			out[last-period].container = linkedList
		}
		return out[:last]
	}
	return out
}
