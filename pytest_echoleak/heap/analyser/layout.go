package main

import (
	"sort"
	"strings"
)

// Types up to this many bytes have their words' leaves listed once.
const listedBytes = 2048

const maxDepth = 64

// leafAt returns what the word at an offset of a type belongs to; ok is false outside of it.
func (t *typeTable) leafAt(i int32, off uint64) (leaf, bool) {
	if i == noType {
		return leaf{typ: noType}, false
	}
	one := &t.types[i]
	if one.size > listedBytes || one.kind != kindStruct {
		return t.descend(i, off)
	}
	if one.leaves == nil {
		leaves := make([]leaf, (one.size+7)/8)
		for w := range leaves {
			found, ok := t.descend(i, uint64(w)*8)
			if !ok {
				found.typ = noType
			}
			leaves[w] = found
		}
		one.leaves = leaves
	}
	if off/8 >= uint64(len(one.leaves)) {
		return leaf{typ: noType}, false
	}
	found := one.leaves[off/8]
	return found, found.typ != noType
}

// descend walks into structs and arrays.
func (t *typeTable) descend(i int32, off uint64) (leaf, bool) {
	base := uint64(0)
	for depth := 0; depth < maxDepth && i != noType; depth++ {
		one := &t.types[i]
		switch one.kind {
		case kindStruct:
			f := fieldAt(one, off)
			if f == nil {
				return leaf{typ: noType}, false
			}
			i, off, base = f.typ, off-f.off, base+f.off
		case kindArray:
			if one.elem == noType || t.types[one.elem].size == 0 || off >= one.size {
				return leaf{typ: noType}, false
			}
			size := t.types[one.elem].size
			i, base, off = one.elem, base+off/size*size, off%size
		default:
			size := one.size
			if size == 0 {
				size = 8
			}
			if off >= size {
				return leaf{typ: noType}, false
			}
			return leaf{i, base}, true
		}
	}
	return leaf{typ: noType}, false
}

func fieldAt(one *typ, off uint64) *field {
	j := sort.Search(len(one.fields), func(j int) bool { return one.fields[j].off > off })
	// Fields of no size share an offset with the one behind them: the last one is meant.
	if j == 0 {
		return nil
	}
	return &one.fields[j-1]
}

// trail returns the structs and arrays that an offset of a type lies in, outermost first, and the
// field of each that leads on; arrays have no field, and are left out.
func (t *typeTable) trail(i int32, off uint64) (owners []int32, names []string) {
	for _, value := range t.valuesAt(i, off) {
		one := &t.types[value.typ]
		f := fieldAt(one, off-value.off)
		if f == nil {
			break
		}
		name := f.name
		if strings.HasPrefix(one.name, "sync/atomic.Pointer[") {
			name = "" // what points is the user's field that has this type
		}
		owners, names = append(owners, value.typ), append(names, name)
	}
	return owners, names
}

// valuesAt returns the structs that an offset of a type lies in, outermost first, and where each begins.
func (t *typeTable) valuesAt(i int32, off uint64) (out []leaf) {
	base := uint64(0)
	for depth := 0; depth < maxDepth && i != noType; depth++ {
		one := &t.types[i]
		switch {
		case one.kind == kindStruct:
			out = append(out, leaf{i, base})
			f := fieldAt(one, off)
			if f == nil {
				return out
			}
			i, off, base = f.typ, off-f.off, base+f.off
		case one.kind == kindArray && one.elem != noType && t.types[one.elem].size > 0:
			size := t.types[one.elem].size
			i, base, off = one.elem, base+off/size*size, off%size
		default:
			return out
		}
	}
	return out
}

// hidden tells whether a type is the inside of a container of Go's: its steps have no name for
// people.
func (t *typeTable) hidden(i int32) bool {
	if i == noType {
		return false
	}
	switch t.types[i].kind {
	case kindElements, kindDirectory:
		return true
	}
	name := t.types[i].name
	for _, prefix := range []string{
		"map<", "table<", "groupReference<", "group<", "hmap<", "hash<", "bucket<", "hchan<", "waitq<", "sudog<",
		"noalg.map.group[", "map.group[", "*table<", "*group<", "**table<", "*bucket<", "[]map.bucket",
		"internal/sync.indirect[", "internal/sync.entry[", "internal/sync.node[",
		"internal/sync.HashTrieMap[", "sync.Map", "sync.readOnly", "sync.entry",
		"container/list.List", "container/list.Element",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// text names a type for people: packages without their folders, byte and any as they are written.
func (t *typeTable) text(i int32) string {
	if i == noType {
		return "?"
	}
	one := &t.types[i]
	if one.kind == kindUnsafe {
		return "unsafe.Pointer"
	}
	if one.text == "" {
		one.text = readable(one.name)
	}
	return one.text
}

func readable(name string) string {
	name = shorten(name)
	name = strings.ReplaceAll(name, "interface {}", "any")
	name = strings.ReplaceAll(name, "go.shape.*uint8", "?") // all pointers, to generic code
	name = strings.ReplaceAll(name, "go.shape.", "")
	if strings.HasSuffix(name, "]uint8") {
		name = strings.TrimSuffix(name, "uint8") + "byte"
	}
	if name == "*uint8" {
		name = "*byte"
	}
	return name
}

// isPointer tells whether values of a leaf's type have pointers at all.
func (t *typeTable) isPointer(i int32) bool {
	if i == noType {
		return false
	}
	kind := t.types[i].kind
	return kind >= kindChan && kind <= kindUnsafe || kind == kindElements || kind == kindDirectory
}
