package main

import (
	"os"
	"regexp"
	"sort"
	"time"
)

// expiry is what the entries of a holder state of their own end, in seconds from the dump on:
// negative where it has passed.
type expiry struct {
	Field   string  `json:"field"` // of the entry's type, as "item.expires"
	Soonest float64 `json:"soonest_seconds"`
	Latest  float64 `json:"latest_seconds"`
}

const (
	// So many objects of a holder are asked; of fewer than that share some may never expire.
	maxAsked   = 500
	askedShare = 0.9
	// Few entries that are on their way out say nothing of the others.
	tail = 20
	// So far from a container is the object that has the time of its entry's end.
	entrySteps = 6
	// Another number is no time of day.
	plausible = 10 * 365 * 24 * time.Hour
	// Of values in a row so many are looked at, for some may be empty.
	maxInRow = 8
)

var endNames = regexp.MustCompile(`(?i)expir|deadline|valid_?(un)?til|^until$|(drop|evict|purge|delete|discard|stale)_?(at|after|on)$`)

// dumpedAt is when a dump was complete.
func dumpedAt(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		fail("it cannot be read: %v", err)
	}
	return info.ModTime()
}

// expiryOf returns what a group's entries state of their end, or nil where most state nothing.
func (f *finder) expiryOf(g *group, at int) *expiry {
	if at < 0 || at >= len(g.example.elements) || g.example.elements[at].container == "" {
		return nil // what a struct says of its own end is not said of what hangs from it
	}
	containers := g.containers(at)
	step := 1 + len(g.targets)/maxAsked
	asked := 0
	var field string
	var seconds []float64
	for i := 0; i < len(g.targets); i += step {
		asked++
		end, name, ok := f.endOf(f.nodesTo(g.targets[i]), containers)
		if ok {
			field, seconds = name, append(seconds, end.Sub(f.dumped).Seconds())
		}
	}
	if len(seconds) == 0 || float64(len(seconds)) < askedShare*float64(asked) {
		return nil
	}
	sort.Float64s(seconds)
	few := len(seconds) / tail
	return &expiry{field, seconds[few], seconds[len(seconds)-1-few]}
}

// endOf looks for a time of expiry along a path, from its end towards the container: in the object
// itself, and in the values that lead to it.
func (f *finder) endOf(path []uint32, containers map[uint32]bool) (time.Time, string, bool) {
	last := len(path) - 1
	if node := path[last]; int(node) < f.g.objects && f.y.of[node] != noType {
		if end, name, ok := f.endInObject(node); ok {
			return end, name, true
		}
	}
	inside := false // an object may be held over another path, too
	for _, node := range path[:last] {
		inside = inside || containers[node]
	}
	for i := last - 1; inside && i >= 0 && i >= last-entrySteps; i-- {
		if path[i] == none || int(path[i]) >= f.g.objects {
			break
		}
		if end, name, ok := f.endBeside(path[i], path[i+1]); ok {
			return end, name, true
		}
		if containers[path[i]] {
			break
		}
	}
	return time.Time{}, "", false
}

func (f *finder) endInObject(node uint32) (time.Time, string, bool) {
	typ, off, size := f.y.of[node], uint64(f.y.off[node]), f.g.d.size[node]
	width := f.t.types[typ].size
	for i := 0; i < maxInRow && off+width <= size; i++ {
		if end, name, ok := f.endIn(typ, int(f.g.d.pos[node])+int(off)); ok {
			return end, name, true
		}
		if f.y.rank[node]&repeated == 0 {
			break
		}
		off += width
	}
	return time.Time{}, "", false
}

// endBeside looks for it in the values that a pointer lies in, the innermost first, and behind the
// pointer that belongs to a map's key.
func (f *finder) endBeside(from, to uint32) (time.Time, string, bool) {
	typ, begin := f.y.of[from], uint64(f.y.off[from])
	off, at := f.slot(from, to)
	if typ == noType || off < begin {
		return time.Time{}, "", false
	}
	inside := off - begin
	if f.y.rank[from]&repeated != 0 {
		inside %= f.t.types[typ].size
	} else if inside >= f.t.types[typ].size {
		return time.Time{}, "", false
	}
	values := f.t.valuesAt(typ, inside)
	for i := len(values) - 1; i >= 0; i-- {
		pos := at - int(inside-values[i].off)
		if end, name, ok := f.endIn(values[i].typ, pos); ok {
			return end, name, true
		}
		if end, name, ok := f.endBehind(values[i].typ, pos); ok {
			return end, name, true
		}
	}
	return time.Time{}, "", false
}

// endBehind looks at what the element of a map's slot points to.
func (f *finder) endBehind(typ int32, pos int) (time.Time, string, bool) {
	d := f.g.d
	one := f.t.fieldOf(typ, "elem")
	if one == nil || f.t.fieldOf(typ, "key") == nil || one.typ == noType || f.t.types[one.typ].kind != kindPointer {
		return time.Time{}, "", false
	}
	if pos < 0 || pos+int(one.off)+8 > len(d.data) {
		return time.Time{}, "", false
	}
	address := word(d.data, pos+int(one.off))
	object, elem := f.x.find(address), f.t.types[one.typ].elem
	if object == none || int(object) >= f.g.objects || elem == noType {
		return time.Time{}, "", false
	}
	inside := address - d.addr[object]
	if inside+f.t.types[elem].size > d.size[object] {
		return time.Time{}, "", false
	}
	return f.endIn(elem, int(d.pos[object])+int(inside))
}

// endIn reads the first field that states the time of an end, of a value at `pos` in the dump.
func (f *finder) endIn(typ int32, pos int) (time.Time, string, bool) {
	if pos < 0 || pos+int(f.t.types[typ].size) > len(f.g.d.data) {
		return time.Time{}, "", false
	}
	for _, one := range f.endFields(typ) {
		if end, ok := f.timeAt(one.typ, pos+int(one.off)); ok {
			return end, one.name, true
		}
	}
	return time.Time{}, "", false
}

// endField is a field that is named as the time of an end, as "item.expires", of a type of its own.
type endField struct {
	name string
	typ  int32
	off  uint64
}

// endFields returns those of a type, and of the structs and arrays that lie in it.
func (f *finder) endFields(typ int32) []endField {
	if known, ok := f.ends[typ]; ok || typ == noType {
		return known
	}
	f.ends[typ] = nil
	var out []endField
	within := func(inner int32, off uint64) {
		for _, found := range f.endFields(inner) {
			if off+found.off+8 <= f.t.types[typ].size {
				out = append(out, endField{found.name, found.typ, off + found.off})
			}
		}
	}
	switch one := &f.t.types[typ]; one.kind {
	case kindStruct:
		for _, field := range one.fields {
			if endNames.MatchString(field.name) && !isContext(f.t.text(typ)) && field.typ != noType && field.off+f.t.types[field.typ].size <= one.size {
				out = append(out, endField{f.t.text(typ) + "." + field.name, field.typ, field.off})
			}
			within(field.typ, field.off)
		}
	case kindArray:
		for i := uint64(0); one.elem != noType && i < min(one.count, maxInRow); i++ {
			within(one.elem, i*f.t.types[one.elem].size)
		}
	}
	f.ends[typ] = out
	return out
}

const (
	kindInt, kindInt64   = 2, 6
	kindUint, kindUint64 = 7, 11

	// As package time has them.
	hasMonotonic   = 1 << 63
	wallToInternal = (1884*365 + 1884/4 - 1884/100 + 1884/400) * 86400
	unixToInternal = (1969*365 + 1969/4 - 1969/100 + 1969/400) * 86400
)

// timeAt reads a time.Time, or a number that counts from 1970, in whatever unit makes it a time of
// these days.
func (f *finder) timeAt(typ int32, pos int) (time.Time, bool) {
	one := &f.t.types[typ]
	data := f.g.d.data
	switch {
	case one.name == "time.Time" && pos+16 <= len(data):
		wall, ext := word(data, pos), word(data, pos+8)
		internal := int64(ext)
		if wall&hasMonotonic != 0 {
			internal = wallToInternal + int64(wall<<1>>31)
		}
		return f.near(time.Unix(internal-unixToInternal, int64(wall&(1<<30-1))))
	case one.kind == kindStruct:
		if v := f.t.fieldOf(typ, "v"); v != nil && v.typ != noType && f.t.types[v.typ].kind != kindStruct { // sync/atomic
			return f.timeAt(v.typ, pos+int(v.off))
		}
	case one.name == "time.Duration" || one.size != 8 || pos+8 > len(data):
	case one.kind == kindInt || one.kind == kindInt64 || one.kind == kindUint || one.kind == kindUint64:
		value := int64(word(data, pos))
		for _, end := range []time.Time{time.Unix(value, 0), time.UnixMilli(value), time.UnixMicro(value), time.Unix(0, value)} {
			if found, ok := f.near(end); ok {
				return found, true
			}
		}
	}
	return time.Time{}, false
}

func (f *finder) near(end time.Time) (time.Time, bool) {
	away := end.Sub(f.dumped)
	return end, away < plausible && away > -plausible
}
