package main

import (
	"strings"
)

// goroutineInfo describes the goroutines that hold something.
type goroutineInfo struct {
	Function  string `json:"function"`
	Wait      string `json:"wait"`
	CreatedBy string `json:"created_by"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Variable  string `json:"variable"`
	Frame     string `json:"frame"`
	Count     int    `json:"count"`
}

// held is how one object is held: its root and the elements that lead to it.
type held struct {
	kind      string
	root      string
	name      string // how the first field of a container's name begins: "main.server", "buf"
	key       string
	elements  []element
	goroutine *goroutineInfo
	gid       int
	top       uint32 // the root's node
}

// hold names the shortest path to an object.
func (n *namer) hold(path []uint32) held {
	top := path[0]
	if int(top) < n.g.objects {
		return held{kind: rootNothing, root: "nothing that the dump shows", key: rootNothing, gid: -1, top: top}
	}
	one := &n.g.roots[int(top)-n.g.objects]
	h := held{kind: one.kind, elements: n.elements(path), gid: -1, top: top}
	switch one.kind {
	case rootVariable:
		h.name = shorten(one.name)
		h.root = h.name + " (package variable)"
		if one.name == "" {
			h.root = "a package variable without a name"
		}
		h.key = h.root
	case rootGoroutine:
		n.holdByGoroutine(&h, one, path)
	case rootFinalizer:
		h.root = "a finalizer"
		if object := n.x.find(one.addr); object != none && n.y.of[object] != noType {
			h.root = "the finalizer of *" + n.t.text(n.y.of[object])
		}
		h.key, h.name = h.root, "finalizer"
	default:
		n.holdByRuntime(&h, one, path)
	}
	return h
}

func (n *namer) holdByGoroutine(h *held, one *root, path []uint32) {
	g := &n.g.d.goroutines[one.goroutine]
	info := &goroutineInfo{Function: shorten(entryFunction(g)), Wait: g.wait}
	function, file, line := n.t.program.place(g.createdBy - 1)
	if function != "" && function != "runtime.newproc" {
		info.CreatedBy, info.File, info.Line = shorten(function), file, line
	}
	h.gid = one.goroutine
	for _, e := range one.edges {
		if len(path) < 2 || e.to != path[1] {
			continue
		}
		if v := n.y.stack[one.goroutine].at(e.place); v != nil {
			info.Variable, info.Frame = v.name, shorten(v.function)
		} else if f := frameAt(g, e.place); f != nil {
			info.Frame = shorten(f.name)
		}
		break
	}
	if info.Frame == "" {
		info.Frame = info.Function
	}
	h.goroutine = info
	h.name = info.Variable
	h.root = info.Frame
	if info.Variable != "" {
		h.root += " (variable " + info.Variable + ")"
	}
	h.key = info.Function + "|" + info.Wait + "|"
}

// holdByRuntime tells timers from the rest of what the runtime keeps.
func (n *namer) holdByRuntime(h *held, one *root, path []uint32) {
	h.root, h.key, h.name = shorten(one.name), one.name, shorten(one.name)
	if one.name == "" || one.name == "runtime" {
		h.root = "the runtime"
	}
	if one.name != "runtime.allp" {
		return
	}
	for i := range h.elements {
		if strings.HasPrefix(h.elements[i].fields, "timers") {
			// The heap itself, as it grows.
			h.kind, h.root, h.key, h.name = rootTimer, "a timer", rootTimer, "timer heap"
			h.elements = h.elements[i+1:]
			break
		}
	}
	for i, node := range path {
		if node == none || int(node) >= n.g.objects || n.y.of[node] == noType {
			continue
		}
		name := n.t.types[n.y.of[node]].name
		if name == "runtime.timer" || name == "runtime.timeTimer" || name == "time.Timer" || name == "time.Ticker" {
			h.kind, h.root, h.key, h.name = rootTimer, "a timer", rootTimer, "timer heap"
			h.elements = n.elements(path[i:])
			if len(h.elements) > 0 {
				h.elements[0].text, h.elements[0].fields = h.elements[0].typ, ""
			}
			return
		}
	}
}

// signature tells objects that are held alike: by the same kind of root, over the same types.
func (h *held) signature() string {
	var out strings.Builder
	out.WriteString(h.kind)
	out.WriteByte('|')
	out.WriteString(h.key)
	for i := range h.elements {
		out.WriteByte('|')
		out.WriteString(h.elements[i].text)
	}
	return out.String()
}

// pathTexts are the elements as they are shown.
func (h *held) pathTexts() []string {
	out := make([]string, 0, len(h.elements))
	for i := range h.elements {
		out = append(out, h.elements[i].text)
	}
	return out
}
