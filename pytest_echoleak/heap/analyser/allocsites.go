package main

import (
	"strings"
)

// allocation is a call of the allocator in the program's code: the line it belongs to and the type
// that it passes.
type allocation struct {
	file string
	line int
	typ  int32
	many bool
}

// allocators finds what type the code of an allocation site allocates. DWARF does not tell, but the
// code does: it loads the address of the type right before it calls the allocator. Without it an
// object that only an unnamed word of a stack holds would have no type.
type allocators struct {
	t      *typeTable
	byCode map[string][]allocation
	calls  map[uint64]string
}

const (
	maxCode = 1 << 20
	// How many bytes before a call the type's address is looked for.
	lookBack = 64
)

// objectTypes returns for every object the type that its allocation site names, or noType.
func objectTypes(t *typeTable, d *dump, sites []int32, stacks [][]place) []int32 {
	if d.arch != "amd64" || len(t.byRuntime) == 0 {
		return nil
	}
	a := &allocators{t: t, byCode: map[string][]allocation{}, calls: map[uint64]string{}}
	for name, f := range t.program.functions {
		if isAllocator(name) {
			a.calls[f.addr] = name
		}
	}
	perRecord := make([][]allocation, len(stacks))
	for i, frames := range stacks {
		if frames != nil {
			perRecord[i] = a.of(frames)
		}
	}
	out := make([]int32, len(sites))
	for i, record := range sites {
		out[i] = noType
		if record >= 0 {
			out[i] = a.fitting(perRecord[record], d.size[i])
		}
	}
	return out
}

// of returns what the innermost frame of a stack that is not of the runtime allocates at its line.
func (a *allocators) of(frames []place) []allocation {
	shown := visible(frames)
	for _, f := range frames[:len(frames)-len(shown)] {
		if !isAllocator(f.Function) {
			// A container of the runtime: what it allocates, its own code names.
			return nil
		}
	}
	if len(shown) == 0 || isRuntime(shown[0].Function) || strings.HasPrefix(shown[0].Function, "internal/sync.") {
		return nil
	}
	all, known := a.byCode[shown[0].Function]
	if !known {
		all = a.scan(shown[0].Function)
		a.byCode[shown[0].Function] = all
	}
	var found []allocation
	for _, one := range all {
		if one.line == shown[0].Line && one.file == shown[0].File {
			found = append(found, one)
		}
	}
	return found
}

// fitting returns the one type among the candidates whose values have the size of the object. Of a
// block that several values may fill, the type is left open.
func (a *allocators) fitting(candidates []allocation, size uint64) int32 {
	found := noType
	for _, one := range candidates {
		of := a.t.types[one.typ].size
		if one.many || of > size || size-of > size/6+8 || size <= 16 && of < size {
			continue
		}
		if found != noType && found != one.typ {
			return noType
		}
		found = one.typ
	}
	return found
}

// scan finds the calls of allocators in a function's code.
func (a *allocators) scan(name string) []allocation {
	f, ok := a.t.program.functions[name]
	if !ok || f.size > maxCode {
		return nil
	}
	code := a.t.program.bytesAt(f.addr, int(f.size))
	var found []allocation
	for at := 0; at+5 <= len(code); at++ {
		if code[at] != 0xe8 { // CALL rel32
			continue
		}
		after := f.addr + uint64(at) + 5
		callee, ok := a.calls[after+uint64(int64(int32(order.Uint32(code[at+1:]))))]
		if !ok {
			continue
		}
		typ := a.loaded(code[:at], f.addr)
		if typ == noType || strings.HasPrefix(a.t.types[typ].name, "struct { F uintptr") {
			continue
		}
		many := strings.Contains(callee, "slice")
		last := 0
		for _, pc := range []uint64{after - 1, after} {
			_, file, line := a.t.program.place(pc + a.t.program.slide)
			if line != last {
				found = append(found, allocation{file, line, typ, many})
				last = line
			}
		}
	}
	return found
}

// loaded returns the type whose address is loaded last in the code: LEA reg, [rip+disp32].
func (a *allocators) loaded(code []byte, base uint64) int32 {
	for at := len(code) - 7; at >= 0 && at >= len(code)-lookBack; at-- {
		if (code[at] == 0x48 || code[at] == 0x4c) && code[at+1] == 0x8d && code[at+2]&0xc7 == 0x05 {
			target := base + uint64(at) + 7 + uint64(int64(int32(order.Uint32(code[at+3:]))))
			if typ, ok := a.t.byRuntime[target]; ok {
				return typ
			}
		}
	}
	return noType
}

func isAllocator(name string) bool {
	return name == "runtime.newobject" || name == "runtime.makeslice" ||
		strings.HasPrefix(name, "runtime.mallocgc") || strings.HasPrefix(name, "runtime.growslice")
}
