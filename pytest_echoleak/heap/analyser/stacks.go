package main

import (
	"strings"
)

// place is one frame of an allocation's stack, as users and profiles write it.
type place struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// decodeStacks decodes the stacks of the records in `wanted`, innermost frames first. Names are
// shared: a profile repeats a few thousand of them a million times.
func (d *dump) decodeStacks(wanted []bool) [][]place {
	known := map[string]string{}
	share := func(r *reader) string {
		start, size := r.span()
		if text, ok := known[string(r.data[start:start+size])]; ok {
			return text
		}
		text := string(r.data[start : start+size])
		known[text] = text
		return text
	}
	stacks := make([][]place, len(d.records))
	for i, one := range d.records {
		if !wanted[i] {
			continue
		}
		r := &reader{data: d.data, at: one.pos}
		frames := make([]place, one.frames)
		for j := range frames {
			frames[j] = place{share(r), share(r), int(r.number())}
		}
		stacks[i] = frames
	}
	return stacks
}

// visible drops the runtime's frames at the top of a stack: malloc's slow path adds some now and
// then. Of a stack of such frames alone all stay.
func visible(frames []place) []place {
	for i, f := range frames {
		if !isRuntime(f.Function) {
			return frames[i:]
		}
	}
	return frames
}

func isRuntime(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "internal/runtime/")
}

// question is what a leaking site looks like from outside: its stack, or a line of the user's in it.
type question struct {
	ID     string  `json:"id"`
	Frames []place `json:"frames"`
	File   string  `json:"file"`
	Line   int     `json:"line"`
}

// How many frames the runtime keeps of a stack that it cuts; stacks of that length may go on.
const cutFrames = 32

// matches tells whether a record's stack is the one asked for. A dump names one function and line per
// pc where profiles name each inlined function, so that the dump's lines are some of the question's.
// `loose` ignores the line of the innermost frame, which the runtime reads one instruction late.
func (q *question) matches(frames []place, loose bool) bool {
	if len(q.Frames) == 0 {
		return q.matchesLine(frames)
	}
	wanted, have := visible(q.Frames), visible(frames)
	if len(have) == 0 {
		return false
	}
	at := 0
	for i, f := range have {
		found := false
		for ; at < len(wanted); at++ {
			same := wanted[at].File == f.File && wanted[at].Line == f.Line
			if i == 0 && loose {
				same = wanted[at].File == f.File && sameFunction(wanted, at, f.Function)
			}
			if same {
				found = true
				at++
				break
			}
		}
		if !found {
			return i > 0 && at >= len(wanted) && len(wanted) >= cutFrames
		}
	}
	return true
}

// sameFunction tells whether a physical function is one of the first few frames asked for.
func sameFunction(wanted []place, at int, function string) bool {
	for i := at; i < len(wanted) && i < at+8; i++ {
		if wanted[i].Function == function {
			return true
		}
	}
	return false
}

func (q *question) matchesLine(frames []place) bool {
	for _, f := range frames {
		if f.Line == q.Line && (f.File == q.File || strings.HasSuffix(f.File, "/"+q.File)) {
			return true
		}
	}
	return false
}

// recordsOf returns the records that a question means.
func recordsOf(stacks [][]place, q *question) map[int32]bool {
	found := map[int32]bool{}
	for _, loose := range []bool{false, true} {
		for i, frames := range stacks {
			if frames != nil && q.matches(frames, loose) {
				found[int32(i)] = true
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// sites returns for every object the record of its allocation, or -1. Objects of the tiny allocator
// share a block, which counts for the one who opened it.
func (d *dump) sites(x *index) []int32 {
	of := make([]int32, len(d.addr))
	for i := range of {
		of[i] = -1
	}
	for i, address := range d.sampleAddr {
		if object := x.find(address); object != none && of[object] < 0 {
			of[object] = d.sampleOf[i]
		}
	}
	return of
}
