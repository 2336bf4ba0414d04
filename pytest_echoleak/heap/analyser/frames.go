package main

import (
	"debug/dwarf"
)

const (
	opAddr    = 0x03
	opDeref   = 0x06
	opFrame   = 0x91 // fbreg
	opCFA     = 0x9c
	opPiece   = 0x93
	opConst1u = 0x08
	opConsts  = 0x11
	opPlus    = 0x22
)

const maxEntries = 100_000

// closureSlot is a variable that a closure captured, and where it lies in the closure's object.
type closureSlot struct {
	name string
	typ  int32
	off  uint64
}

// piece is a part of a variable that lies on the stack, at an offset from the frame's upper end.
type piece struct {
	off     int64
	size    uint64
	inValue uint64 // where the piece begins in the variable
	deref   bool   // the slot holds the variable's address: it escaped to the heap
}

// variable is one of a function, and where it lies while the pc is in a range.
type variable struct {
	name   string
	typ    int32
	ranges []located
}

type located struct {
	low, high uint64 // (linked) pcs
	pieces    []piece
}

// functionVariables returns the variables of the function with this (linked) entry, those of
// functions inlined into it too, and what it captured if it is a closure.
func (t *typeTable) functionVariables(entry uint64) ([]variable, []closureSlot) {
	if known, ok := t.variables[entry]; ok {
		return known, t.closures[entry]
	}
	t.variables[entry] = nil
	at, ok := t.functions[entry]
	if !ok {
		return nil, nil
	}
	reader := t.program.dwarf.Reader()
	unit := t.unitOf(at)
	reader.Seek(at)
	var found []variable
	var captured []closureSlot
	depth := 0
	for count := 0; count < maxEntries; count++ {
		one, err := reader.Next()
		if err != nil || one == nil {
			break
		}
		if one.Tag == 0 {
			if depth--; depth <= 0 {
				break
			}
			continue
		}
		if one.Tag == dwarf.TagVariable || one.Tag == dwarf.TagFormalParameter {
			name, of := t.nameAndType(one)
			if off, ok := one.Val(attrClosureOffset).(int64); ok {
				captured = append(captured, closureSlot{name, of, uint64(off)})
			}
			if ranges := t.locations(one, unit); len(ranges) > 0 {
				found = append(found, variable{name, of, ranges})
			}
		}
		if one.Children {
			depth++
		} else if depth == 0 {
			break
		}
	}
	t.variables[entry], t.closures[entry] = found, captured
	return found, captured
}

// nameAndType follows an inlined variable to its declaration.
func (t *typeTable) nameAndType(entry *dwarf.Entry) (string, int32) {
	name, named := entry.Val(dwarf.AttrName).(string)
	of, typed := entry.Val(dwarf.AttrType).(dwarf.Offset)
	if origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok && !(named && typed) {
		reader := t.program.dwarf.Reader()
		reader.Seek(origin)
		if declared, err := reader.Next(); err == nil && declared != nil {
			name, _ = declared.Val(dwarf.AttrName).(string)
			of, _ = declared.Val(dwarf.AttrType).(dwarf.Offset)
		}
	}
	return name, t.at(of)
}

func (t *typeTable) locations(entry *dwarf.Entry, unit *dwarf.Entry) []located {
	switch where := entry.Val(dwarf.AttrLocation).(type) {
	case []byte:
		if pieces := readPieces(where); pieces != nil {
			return []located{{0, ^uint64(0), pieces}}
		}
	case int64:
		return t.locationList(where, unit)
	}
	return nil
}

// readPieces decodes a location's expression; nil where no part of it lies on the stack.
func readPieces(ops []byte) []piece {
	var pieces []piece
	onStack, deref := false, false
	var off int64
	inValue := uint64(0)
	r := &reader{data: ops}
	for r.at < len(ops) {
		op := ops[r.at]
		r.at++
		switch {
		case op == opFrame:
			off, onStack = r.signed(), true
		case op == opCFA:
			off, onStack = 0, true
		case op == opConsts:
			off = r.signed()
		case op == opConst1u && r.at < len(ops):
			off = int64(ops[r.at])
			r.at++
		case op == opPlus:
			// The frame's base and a constant: what the two above have left in `off`.
		case op == opDeref:
			deref = true
		case op == opPiece:
			size := r.number()
			if onStack {
				pieces = append(pieces, piece{off, size, inValue, deref})
			}
			inValue += size
			onStack, deref, off = false, false, 0
		case op >= 0x50 && op <= 0x6f:
			onStack = false // a register
		default:
			return pieces
		}
	}
	if onStack {
		pieces = append(pieces, piece{off, 0, inValue, deref})
	}
	return pieces
}

func (r *reader) signed() int64 {
	var value int64
	shift := uint(0)
	for r.at < len(r.data) && shift < 64 {
		b := r.data[r.at]
		r.at++
		value |= int64(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				value |= -1 << shift
			}
			break
		}
	}
	return value
}
