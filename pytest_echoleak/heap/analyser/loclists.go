package main

import (
	"debug/dwarf"
	"sort"
)

// unitOf returns the entry of the compilation unit that an offset lies in.
func (t *typeTable) unitOf(at dwarf.Offset) *dwarf.Entry {
	i := sort.Search(len(t.units), func(i int) bool { return t.units[i].Offset > at })
	if i == 0 {
		return &dwarf.Entry{}
	}
	return t.units[i-1]
}

func (t *typeTable) section(name string) []byte {
	section := t.program.file.Section(name)
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		return nil
	}
	return data
}

// locationList decodes the list at an offset of .debug_loclists (DWARF 5, since Go 1.25) or of
// .debug_loc (DWARF 4).
func (t *typeTable) locationList(at int64, unit *dwarf.Entry) (found []located) {
	defer func() {
		// A damaged list is a variable without a place, no more.
		if recover() != nil {
			found = nil
		}
	}()
	base, _ := unit.Val(dwarf.AttrLowpc).(uint64)
	if data := t.cached(".debug_loclists"); data != nil {
		addresses, _ := unit.Val(dwarf.AttrAddrBase).(int64)
		return readLoclist(data, at, base, t.cached(".debug_addr"), addresses)
	}
	if data := t.cached(".debug_loc"); data != nil {
		return readLoc(data, at, base)
	}
	return nil
}

func (t *typeTable) cached(name string) []byte {
	if data, ok := t.sections[name]; ok {
		return data
	}
	data := t.section(name)
	t.sections[name] = data
	return data
}

func readLoclist(data []byte, at int64, base uint64, addresses []byte, first int64) []located {
	const (
		endOfList    = 0
		baseAddressx = 1
		startxEndx   = 2
		startxLength = 3
		offsetPair   = 4
		anyPC        = 5
		baseAddress  = 6
		startEnd     = 7
		startLength  = 8
	)
	var found []located
	r := &reader{data: data, at: int(at)}
	indexed := func() uint64 { return word(addresses, int(first)+int(r.number())*8) }
	fixed := func() uint64 {
		r.at += 8
		return word(data, r.at-8)
	}
	for len(found) < maxEntries {
		kind := data[r.at]
		r.at++
		var low, high uint64
		switch kind {
		case endOfList:
			return found
		case baseAddressx:
			base = indexed()
			continue
		case baseAddress:
			base = fixed()
			continue
		case startxEndx:
			low, high = indexed(), indexed()
		case startxLength:
			low = indexed()
			high = low + r.number()
		case offsetPair:
			low = base + r.number()
			high = base + r.number()
		case anyPC:
			high = ^uint64(0)
		case startEnd:
			low, high = fixed(), fixed()
		case startLength:
			low = fixed()
			high = low + r.number()
		default:
			return found
		}
		start, size := r.span()
		if pieces := readPieces(data[start : start+size]); pieces != nil {
			found = append(found, located{low, high, pieces})
		}
	}
	return found
}

func readLoc(data []byte, at int64, base uint64) []located {
	var found []located
	for len(found) < maxEntries {
		low, high := word(data, int(at)), word(data, int(at)+8)
		at += 16
		if low == 0 && high == 0 {
			return found
		}
		if low == ^uint64(0) {
			base = high
			continue
		}
		size := int64(order.Uint16(data[at:]))
		at += 2
		if pieces := readPieces(data[at : at+size]); pieces != nil {
			found = append(found, located{base + low, base + high, pieces})
		}
		at += size
	}
	return found
}
