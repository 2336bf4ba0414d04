package main

import (
	"debug/dwarf"
	"strings"
)

// Go's kinds, as DW_AT_go_kind states them, and three of ours.
const (
	kindByte      = 8
	kindArray     = 17
	kindChan      = 18
	kindFunc      = 19
	kindInterface = 20
	kindMap       = 21
	kindPointer   = 22
	kindSlice     = 23
	kindString    = 24
	kindStruct    = 25
	kindUnsafe    = 26

	kindAlias     = 64 // a typedef that only forwards
	kindElements  = 65 // a pointer to an array of unknown length
	kindDirectory = 66 // the pointer of a map of Go 1.24 and later: to one group, or to tables
)

const (
	attrGoKind        = dwarf.Attr(0x2900)
	attrGoKey         = dwarf.Attr(0x2901)
	attrGoElem        = dwarf.Attr(0x2902)
	attrRuntimeType   = dwarf.Attr(0x2904)
	attrClosureOffset = dwarf.Attr(0x2907)
)

const noType = int32(-1)

type field struct {
	name string
	typ  int32
	off  uint64
}

// typ is a Go type. elem is also the type under a map or channel.
type typ struct {
	name    string
	text    string // the name for people, made when first asked for
	kind    int
	size    uint64
	elem    int32
	key     int32
	count   uint64
	fields  []field
	eface   bool
	closure bool   // of our own: what a func value points to
	leaves  []leaf // by word, made when first asked for
}

// leaf is what a word of a type belongs to: a pointer, slice, string, interface ..., not a struct.
type leaf struct {
	typ int32
	off uint64 // of the leaf in the type
}

// typeTable holds the types and variables that DWARF describes.
type typeTable struct {
	program   *program
	types     []typ
	byRuntime map[uint64]int32 // by the (linked) address of the runtime's descriptor
	byName    map[string]int32
	globals   map[uint64]int32         // by the (linked) address of the variable
	functions map[uint64]dwarf.Offset  // by the (linked) entry
	closures  map[uint64][]closureSlot // by the (linked) entry
	variables map[uint64][]variable
	byOffset  map[dwarf.Offset]int32
	sections  map[string][]byte
	units     []*dwarf.Entry
}

type rawRefs struct {
	elem, key dwarf.Offset
	fields    []dwarf.Offset
}

func newTypeTable(p *program) *typeTable {
	t := &typeTable{
		program:   p,
		byRuntime: map[uint64]int32{},
		byName:    map[string]int32{},
		globals:   map[uint64]int32{},
		functions: map[uint64]dwarf.Offset{},
		closures:  map[uint64][]closureSlot{},
		variables: map[uint64][]variable{},
		byOffset:  map[dwarf.Offset]int32{},
		sections:  map[string][]byte{},
	}
	if p.dwarf != nil {
		t.read()
	}
	return t
}

// read walks over all entries once. Bodies of functions are skipped: they are read when asked for.
func (t *typeTable) read() {
	var raw []rawRefs
	globals := map[uint64]dwarf.Offset{}
	reader := t.program.dwarf.Reader()
	for {
		entry, err := reader.Next()
		if err != nil {
			t.program.notes = append(t.program.notes, "the binary's DWARF is damaged: some types have no names")
			break
		}
		if entry == nil {
			break
		}
		switch entry.Tag {
		case dwarf.TagCompileUnit:
			t.units = append(t.units, entry)
		case 0:
		case dwarf.TagSubprogram:
			if low, ok := entry.Val(dwarf.AttrLowpc).(uint64); ok {
				t.functions[low] = entry.Offset
			}
			reader.SkipChildren()
		case dwarf.TagVariable:
			location, _ := entry.Val(dwarf.AttrLocation).([]byte)
			of, _ := entry.Val(dwarf.AttrType).(dwarf.Offset)
			if len(location) == 9 && location[0] == opAddr {
				globals[order.Uint64(location[1:])] = of
			}
		case dwarf.TagBaseType, dwarf.TagPointerType, dwarf.TagStructType, dwarf.TagArrayType,
			dwarf.TagTypedef, dwarf.TagSubroutineType:
			t.byOffset[entry.Offset] = int32(len(t.types))
			one, refs := readType(reader, entry)
			if at, ok := entry.Val(attrRuntimeType).(uint64); ok && at != 0 {
				t.byRuntime[t.program.typesBase+at] = int32(len(t.types))
			} else if at, ok := entry.Val(attrRuntimeType).(int64); ok && at != 0 {
				t.byRuntime[t.program.typesBase+uint64(at)] = int32(len(t.types))
			}
			t.types = append(t.types, one)
			raw = append(raw, refs)
		default:
			reader.SkipChildren()
		}
	}
	t.resolve(raw)
	for address, of := range globals {
		if index := t.at(of); index != noType {
			t.globals[address] = index
		}
	}
}

func readType(reader *dwarf.Reader, entry *dwarf.Entry) (typ, rawRefs) {
	one := typ{elem: noType, key: noType, kind: kindAlias}
	one.name, _ = entry.Val(dwarf.AttrName).(string)
	if size, ok := entry.Val(dwarf.AttrByteSize).(int64); ok && size >= 0 {
		one.size = uint64(size)
	}
	if kind, ok := entry.Val(attrGoKind).(int64); ok {
		one.kind = int(kind) & 31
	}
	var refs rawRefs
	refs.elem, _ = entry.Val(dwarf.AttrType).(dwarf.Offset)
	refs.key, _ = entry.Val(attrGoKey).(dwarf.Offset)
	switch entry.Tag {
	case dwarf.TagPointerType:
		one.size = 8
		if one.kind = kindPointer; refs.elem == 0 {
			one.kind = kindUnsafe
		}
	case dwarf.TagStructType:
		if one.kind == kindSlice {
			refs.elem, _ = entry.Val(attrGoElem).(dwarf.Offset)
		} else if one.kind != kindString {
			one.kind = kindStruct
		}
	case dwarf.TagArrayType:
		one.kind = kindArray
	case dwarf.TagSubroutineType:
		one.kind, one.size = kindFunc, 8
	case dwarf.TagTypedef:
		switch one.kind {
		case kindMap, kindChan:
			one.size = 8
		case kindInterface:
			one.size = 16
		default:
			one.kind = kindAlias
		}
	}
	if entry.Children {
		readMembers(reader, &one, &refs)
	}
	return one, refs
}

func readMembers(reader *dwarf.Reader, one *typ, refs *rawRefs) {
	for {
		member, err := reader.Next()
		if err != nil || member == nil || member.Tag == 0 {
			return
		}
		switch member.Tag {
		case dwarf.TagMember:
			var f field
			f.name, _ = member.Val(dwarf.AttrName).(string)
			if off, ok := member.Val(dwarf.AttrDataMemberLoc).(int64); ok && off >= 0 {
				f.off = uint64(off)
			}
			of, _ := member.Val(dwarf.AttrType).(dwarf.Offset)
			one.fields = append(one.fields, f)
			refs.fields = append(refs.fields, of)
		case dwarf.TagSubrangeType:
			if count, ok := member.Val(dwarf.AttrCount).(int64); ok && count >= 0 {
				one.count = uint64(count)
			}
		}
		if member.Children {
			reader.SkipChildren()
		}
	}
}

func (t *typeTable) at(of dwarf.Offset) int32 {
	index, ok := t.byOffset[of]
	if !ok {
		return noType
	}
	for hops := 0; hops < 8 && t.types[index].kind == kindAlias && t.types[index].elem != noType; hops++ {
		index = t.types[index].elem
	}
	return index
}

func (t *typeTable) resolve(raw []rawRefs) {
	direct := func(of dwarf.Offset) int32 {
		if index, ok := t.byOffset[of]; ok && of != 0 {
			return index
		}
		return noType
	}
	for i, refs := range raw {
		t.types[i].elem = direct(refs.elem)
	}
	for i, refs := range raw {
		one := &t.types[i]
		if one.kind != kindAlias {
			one.elem = t.at(refs.elem)
			one.key = t.at(refs.key)
		}
		for j, of := range refs.fields {
			one.fields[j].typ = t.at(of)
		}
	}
	for i := range t.types {
		one := &t.types[i]
		if _, known := t.byName[one.name]; !known && one.kind != kindAlias {
			t.byName[one.name] = int32(i)
		}
		if one.kind == kindInterface && one.elem != noType {
			one.eface = t.types[one.elem].name == "runtime.eface"
		}
		if one.kind == kindArray && one.elem != noType && one.count > 0 && one.size == 0 {
			one.size = one.count * t.types[one.elem].size
		}
	}
	for i := range t.types {
		t.refine(int32(i))
	}
	for at, i := range t.byRuntime {
		for hops := 0; hops < 8 && t.types[i].kind == kindAlias && t.types[i].elem != noType; hops++ {
			i = t.types[i].elem
		}
		t.byRuntime[at] = i
	}
}

// refine replaces the untyped pointers inside of the runtime's containers by what they point to.
func (t *typeTable) refine(i int32) {
	one := &t.types[i]
	if one.kind != kindStruct {
		return
	}
	switch name := one.name; {
	case strings.HasPrefix(name, "sync/atomic.Pointer["):
		marker, value := t.fieldOf(i, "_"), t.fieldOf(i, "v")
		if marker != nil && value != nil && marker.typ != noType && t.types[marker.typ].kind == kindArray {
			value.typ = t.types[marker.typ].elem
		}
	case strings.HasPrefix(name, "hchan<"):
		elem := t.follow(i, "recvq", "first", "elem")
		if buf := t.fieldOf(i, "buf"); buf != nil && elem != noType {
			buf.typ = t.add(typ{kind: kindElements, size: 8, elem: t.types[elem].elem, key: noType})
		}
	case strings.HasPrefix(name, "groupReference<"):
		t.pointsToMany(i, "data")
	case strings.HasPrefix(name, "hmap<"), strings.HasPrefix(name, "hash<"): // before Go 1.24
		t.pointsToMany(i, "buckets")
		t.pointsToMany(i, "oldbuckets")
	case strings.HasPrefix(name, "map<"):
		directory := t.fieldOf(i, "dirPtr")
		if directory == nil || directory.typ == noType {
			return
		}
		tables := t.types[directory.typ].elem
		if tables == noType {
			return
		}
		group := noType
		if data := t.follow(t.types[tables].elem, "groups", "data"); data != noType {
			group = t.types[data].elem
		}
		directory.typ = t.add(typ{kind: kindDirectory, size: 8, elem: tables, key: group})
	}
}

func (t *typeTable) add(one typ) int32 {
	t.types = append(t.types, one)
	return int32(len(t.types) - 1)
}

func (t *typeTable) pointsToMany(i int32, name string) {
	f := t.fieldOf(i, name)
	if f == nil || f.typ == noType || t.types[f.typ].kind != kindPointer {
		return
	}
	f.typ = t.add(typ{kind: kindElements, size: 8, elem: t.types[f.typ].elem, key: noType})
}

func (t *typeTable) fieldOf(i int32, name string) *field {
	if i == noType {
		return nil
	}
	for j := range t.types[i].fields {
		if t.types[i].fields[j].name == name {
			return &t.types[i].fields[j]
		}
	}
	return nil
}

// follow returns the type of a chain of fields, pointers in between followed.
func (t *typeTable) follow(i int32, names ...string) int32 {
	for _, name := range names {
		if i != noType && t.types[i].kind == kindPointer {
			i = t.types[i].elem
		}
		f := t.fieldOf(i, name)
		if f == nil {
			return noType
		}
		i = f.typ
	}
	return i
}
