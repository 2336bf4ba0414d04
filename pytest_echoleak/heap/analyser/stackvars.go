package main

import (
	"sort"
	"strings"
)

// stackVariable is a variable, or a part of one, on the stack of a goroutine.
type stackVariable struct {
	addr     uint64
	size     uint64
	name     string
	fields   string // that lead from the variable to this part of the stack
	function string
	typ      int32
	inValue  uint64
	deref    bool
}

// stackVariables are those of one goroutine, sorted by address.
type stackVariables []stackVariable

func (s stackVariables) at(address uint64) *stackVariable {
	i := sort.Search(len(s), func(i int) bool { return s[i].addr > address })
	for back := 1; back <= 3 && i-back >= 0; back++ {
		if v := &s[i-back]; address-v.addr < v.size {
			return v
		}
	}
	return nil
}

// nameStacks finds the variables of all goroutines, and puts the words that they have before others.
func (y *typing) nameStacks() {
	y.stack = make([]stackVariables, len(y.g.d.goroutines))
	if len(y.t.byRuntime) == 0 {
		return
	}
	for i := range y.g.roots {
		if one := &y.g.roots[i]; one.kind == rootGoroutine {
			y.stack[one.goroutine] = y.stackOf(&y.g.d.goroutines[one.goroutine])
			// A path is named by the first word that leads to its object.
			sort.SliceStable(one.edges, func(a, b int) bool {
				return y.hasName(one, one.edges[a]) && !y.hasName(one, one.edges[b])
			})
		}
	}
}

// hasName tells whether a goroutine has a word of its stack in a variable of the program's.
func (y *typing) hasName(one *root, e edge) bool {
	v := y.stack[one.goroutine].at(e.place)
	return v != nil && !isRuntime(v.function)
}

// frames types what the variables of all goroutines point to.
func (y *typing) frames() {
	for i := range y.g.roots {
		one := &y.g.roots[i]
		if one.kind != rootGoroutine {
			continue
		}
		g := &y.g.d.goroutines[one.goroutine]
		variables := y.stack[one.goroutine]
		for _, e := range one.edges {
			v := variables.at(e.place)
			at := placeOnStack(g, e.place)
			if v == nil || at < 0 {
				continue
			}
			if v.deref {
				y.pointee(v.typ, word(y.g.d.data, at), e.to, rankPointer, false)
				continue
			}
			off := e.place - v.addr + v.inValue
			if found, ok := y.t.leafAt(v.typ, off); ok {
				y.pointer(found.typ, off-found.off, at, e.to)
			}
		}
	}
}

// stackOf returns the variables of a goroutine that are on its stack where it stands now.
func (y *typing) stackOf(g *goroutine) stackVariables {
	var found stackVariables
	slide := y.t.program.slide
	for _, f := range g.frames {
		variables, _ := y.t.functionVariables(f.entry - slide)
		// A return address belongs to the line of the call before it.
		pc := f.pc - slide - 1
		for _, v := range variables {
			if v.typ == noType || v.name == "" {
				continue
			}
			for _, where := range v.ranges {
				if pc < where.low || pc >= where.high {
					continue
				}
				for _, p := range where.pieces {
					one := stackVariable{
						addr: f.sp + uint64(f.size) + uint64(p.off), size: p.size,
						name: v.name, function: f.name, typ: v.typ, inValue: p.inValue, deref: p.deref,
					}
					if one.deref {
						one.size = 8
					} else if one.size == 0 {
						one.size = y.t.types[v.typ].size
					}
					if strings.HasPrefix(one.name, "&") {
						one.name = one.name[1:]
					}
					found = append(found, one)
				}
			}
		}
	}
	found = y.pointedTo(g, found)
	sort.SliceStable(found, func(a, b int) bool { return found[a].addr < found[b].addr })
	return found
}

// So many values on one stack that other variables of it point to are named.
const maxPointedTo = 2_000

// pointedTo adds what the variables point to on the same stack: values that do not escape have no
// object, and no map of their frame names their pointers.
func (y *typing) pointedTo(g *goroutine, found stackVariables) stackVariables {
	if len(g.frames) == 0 {
		return found
	}
	known := map[uint64]bool{}
	last := &g.frames[len(g.frames)-1]
	low, high := g.frames[0].sp, last.sp+uint64(last.size)
	for i := 0; i < len(found) && len(known) < maxPointedTo; i++ {
		v := found[i]
		if v.deref || isRuntime(v.function) {
			// The runtime takes pointers for arrays as long as can be.
			continue
		}
		for off := v.inValue &^ 7; off+8 <= v.inValue+v.size; off += 8 {
			at := placeOnStack(g, v.addr+off-v.inValue)
			if at < 0 {
				break
			}
			to := word(y.g.d.data, at)
			if to < low || to >= high {
				continue
			}
			leaf, ok := y.t.leafAt(v.typ, off)
			if !ok || y.t.types[leaf.typ].kind != kindPointer {
				continue
			}
			elem := y.t.types[leaf.typ].elem
			if elem == noType || known[to] || placeOnStack(g, to) < 0 || y.t.types[elem].size < 8 {
				continue
			}
			known[to] = true
			_, names := y.t.trail(v.typ, off)
			fields := joinFields(append([]string{v.fields}, names...))
			found = append(found, stackVariable{
				addr: to, size: y.t.types[elem].size,
				name: v.name, fields: fields, function: v.function, typ: elem,
			})
		}
	}
	return found
}

// placeOnStack returns where a word of a goroutine's stack lies in the dump, or -1.
func placeOnStack(g *goroutine, address uint64) int {
	if f := frameAt(g, address); f != nil {
		return f.pos + int(address-f.sp)
	}
	return -1
}

// frameAt returns the frame that an address of a goroutine's stack lies in, or nil.
func frameAt(g *goroutine, address uint64) *frame {
	for i := range g.frames {
		f := &g.frames[i]
		if off := address - f.sp; off < uint64(f.size) && off+8 <= uint64(f.size) {
			return f
		}
	}
	return nil
}

// receiver returns the type of the receiver of a method value's wrapper, main.(*T).Method-fm.
func (t *typeTable) receiver(name string) int32 {
	name = strings.TrimSuffix(name, "-fm")
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return noType
	}
	owner := name[:dot]
	if i := strings.Index(owner, ".(*"); i >= 0 && strings.HasSuffix(owner, ")") {
		owner = "*" + owner[:i] + "." + owner[i+3:len(owner)-1]
	}
	if found, ok := t.byName[owner]; ok {
		return found
	}
	return noType
}
