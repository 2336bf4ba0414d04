package main

import (
	"strings"
	"time"
)

// holder is one answer: who holds how many of the objects asked for.
type holder struct {
	RootKind  string         `json:"root_kind"`
	Root      string         `json:"root"`
	Path      []string       `json:"path"`
	Container *container     `json:"container"`
	Objects   int            `json:"objects"`
	Bytes     uint64         `json:"bytes"`
	Retained  uint64         `json:"retained_bytes"`
	Share     float64        `json:"share"`
	Goroutine *goroutineInfo `json:"goroutine"`
	Alone     int            `json:"held_by_nothing_else"` // how many of the objects
	Shown     float64        `json:"shown_share"`          // of their bytes, by the strings that keep them
	Kept      []string       `json:"kept_types"`           // what it keeps, as the pointers to it are typed
	Expiry    *expiry        `json:"expiry"`               // when its entries end, if these say so
}

// container is what grows: all objects of a holder hang from it.
type container struct {
	Kind string `json:"kind"`
	Type string `json:"type"`
	Name string `json:"name"`
	ID   int    `json:"id"` // the same number for the same container, over all answers

	Retained uint64  `json:"retained_bytes"`
	Stack    []place `json:"stack"` // that allocated the part of it which leads to the objects
}

// answer is what is known of one question.
type answer struct {
	ID      string   `json:"id"`
	Stacks  int      `json:"stacks"`
	Objects int      `json:"objects"`
	Bytes   uint64   `json:"bytes"`
	Holders []holder `json:"holders"`
	// Containers are the numbers of those that are among the objects themselves.
	Containers []int `json:"containers"`

	targets []uint32
}

const (
	maxHolders = 12
	// So many objects of a site are looked at one by one; the others are counted alike.
	maxTargets = 2_000
	// Less of them where their paths are long, as those of a linked list are.
	maxHops = 20_000_000
)

// finder answers questions on one dump.
type finder struct {
	namer
	idom     []uint32
	retained []uint64
	stacks   [][]place // of each record
	numbers  map[uint32]int
	shared   map[uint32]bool // objects that several hold
	budget   int
	dumped   time.Time
	ends     map[int32][]endField // by type
}

// holders groups objects by who holds them.
func (f *finder) holders(targets []uint32) []holder {
	hops := 0
	for _, target := range targets {
		hops += int(f.g.depth[target])
	}
	step := 1 + len(targets)/maxTargets + hops/maxHops
	looked := targets
	if step > 1 {
		looked = nil
		for i := 0; i < len(targets); i += step {
			looked = append(looked, targets[i])
		}
	}
	groups := f.group(looked)
	scale := float64(len(targets)) / float64(max1(len(looked)))
	var out []holder
	for _, g := range groups {
		out = append(out, f.describeGroup(g, scale, len(looked)))
		if len(out) == maxHolders {
			break
		}
	}
	return out
}

func max1(n int) int {
	if n < 1 {
		return 1
	}
	return n
}

func (f *finder) describeGroup(g *group, scale float64, total int) holder {
	h := &g.example
	distinct := map[uint32]bool{}
	var bytes uint64
	alone := 0
	for _, target := range g.targets {
		if !distinct[target] {
			distinct[target] = true
			bytes += f.g.d.size[target]
			if !f.shared[target] {
				alone++
			}
		}
	}
	out := holder{
		RootKind: h.kind,
		Root:     h.root,
		Path:     h.pathTexts(),
		Objects:  int(float64(len(distinct))*scale + 0.5),
		Bytes:    uint64(float64(bytes) * scale),
		Share:    float64(len(distinct)) / float64(max1(total)),
		Alone:    int(float64(alone)*scale + 0.5),
	}
	out.Shown = f.shownShare(g)
	out.Kept = g.keptTypes()
	at := g.containerOf()
	if at >= 0 {
		out.Container = f.containerAt(g, at)
		if f.isTree(g, at) {
			out.Container.Kind = tree
		}
	}
	out.Expiry = f.expiryOf(g, at)
	if h.kind == rootTimer {
		out.Container = &container{Kind: "timer heap", Type: "timers", Name: "timer heap", Retained: f.g.d.heapBytes}
	}
	out.Retained = f.retainedBy(f.entries(g, at))
	if scale > 1 {
		// Several of the objects may lie below one entry: then this estimate is too high.
		out.Retained = uint64(float64(out.Retained) * scale)
		if most := f.mostRetained(g, at); out.Retained > most && most >= out.Bytes {
			out.Retained = most
		}
	}
	if h.goroutine != nil {
		info := *h.goroutine
		seen := map[int]bool{}
		for _, one := range g.helds {
			seen[one.gid] = true
		}
		info.Count = len(seen)
		out.Goroutine = &info
	}
	return out
}

const maxKeptTypes = 8

// keptTypes are the types of what a group's paths end at, the one of its example first.
func (g *group) keptTypes() []string {
	var out []string
	seen := map[string]bool{}
	put := func(h *held) {
		if last := len(h.elements) - 1; last >= 0 && !seen[h.elements[last].typ] && len(out) < maxKeptTypes {
			seen[h.elements[last].typ] = true
			out = append(out, h.elements[last].typ)
		}
	}
	put(&g.example)
	for i := range g.helds {
		put(&g.helds[i])
	}
	return out
}

// shownShare is how much of a group's objects the strings show that keep them; 1 where most are not
// kept by strings. A string may be a short part of what it keeps alive.
func (f *finder) shownShare(g *group) float64 {
	var shown, size, strings uint64
	for i, h := range g.helds {
		if len(h.elements) == 0 {
			continue
		}
		last := &h.elements[len(h.elements)-1]
		if last.first != g.targets[i] || last.shown == 0 {
			continue
		}
		strings++
		shown += min(last.shown, f.g.d.size[g.targets[i]])
		size += f.g.d.size[g.targets[i]]
	}
	if size == 0 || 2*strings < uint64(len(g.helds)) {
		return 1
	}
	return float64(shown) / float64(size)
}

// isTree tells whether a group's nodes lead to each other over few steps for as many as they are.
func (f *finder) isTree(g *group, at int) bool {
	const fewest, steps = 40, 4
	if g.example.elements[at].container != linkedList || len(g.targets) < fewest {
		return false
	}
	deepest := uint32(0)
	for i, h := range g.helds {
		if at < len(h.elements) {
			deepest = max(deepest, f.g.depth[g.targets[i]]-f.g.depth[h.elements[at].first])
		}
	}
	return int(deepest)*steps < len(g.targets)
}

func (f *finder) containerAt(g *group, at int) *container {
	h := &g.example
	e := &h.elements[at]
	shards := g.containers(at)
	kind := e.container
	if kind == "" {
		kind = "struct"
	}
	name := containerPath(h, at)
	out := &container{Kind: kind, Type: e.typ, Name: name, ID: f.numberOf(shards), Retained: f.retainedBy(shards)}
	out.Stack = f.allocatedAt(e.last)
	return out
}

// numberOf returns the number of a container, which all its shards have: others may know more of them.
func (f *finder) numberOf(shards map[uint32]bool) int {
	number := 0
	for node := range shards {
		if known := f.numbers[node]; known > 0 && (number == 0 || known < number) {
			number = known
		}
	}
	if number == 0 {
		number = len(f.numbers) + 1
	}
	for node := range shards {
		f.numbers[node] = number
	}
	return number
}

func (f *finder) allocatedAt(object uint32) []place {
	if int(object) >= f.g.objects || f.sites[object] < 0 {
		return nil
	}
	return visible(f.stacks[f.sites[object]])
}

// numberContainers tells of each answer which containers its objects are: what is in them hangs from
// these objects. It comes last, when all containers have their numbers.
func (f *finder) numberContainers(answers []answer) {
	for i := range answers {
		for _, target := range answers[i].targets {
			if number, known := f.numbers[target]; known {
				answers[i].Containers = append(answers[i].Containers, number)
			}
		}
	}
}

// Beyond so many elements a container is named by the struct that has it, not from the root.
const namedFromRoot = 3

// isContext tells the types that stand between a context and what a program knows it by.
func isContext(typ string) bool {
	switch strings.TrimPrefix(typ, "*") {
	case "context.cancelCtx", "context.timerCtx", "context.valueCtx", "context.withoutCancelCtx",
		"context.stopCtx", "context.afterFuncCtx", "signal.signalCtx":
		return true
	}
	return false
}

// containerPath says where a container is as code does: main.sessions, s.cache.items, or, far from
// its root or below a word without a name, handlers.Previews.cache.
func containerPath(h *held, at int) string {
	named := at // what is in a map or slice has no field of its own
	for named > 0 && h.elements[named].fields == "" {
		named--
	}
	if named > 0 && (at >= namedFromRoot || h.name == "") {
		fields := h.elements[named].fields
		for named > 1 && isContext(h.elements[named-1].typ) && h.elements[named-1].fields != "" {
			named--
			fields = h.elements[named].fields + "." + fields
		}
		return strings.TrimLeft(h.elements[named-1].typ, "*[]") + "." + fields
	}
	name := h.name
	if name == "" && h.goroutine != nil {
		return h.goroutine.Frame // of a variable without a name
	}
	for i := 0; i <= at; i++ {
		if fields := h.elements[i].fields; fields != "" && name != "" {
			name += "." + fields
		}
	}
	return name
}

// entries are the nodes right below a group's container, or what its goroutines hold.
func (f *finder) entries(g *group, at int) map[uint32]bool {
	out := map[uint32]bool{}
	for i, h := range g.helds {
		switch {
		case h.gid >= 0 && at < 0:
			out[h.top] = true
		case at+1 < len(h.elements) && at >= 0:
			out[h.elements[at+1].first] = true
		default:
			out[g.targets[i]] = true
		}
	}
	return out
}

// mostRetained is what a group's container keeps alive; of a group without one it is everything.
func (f *finder) mostRetained(g *group, at int) uint64 {
	if at >= 0 && at < len(g.example.elements) {
		return f.retainedBy(g.containers(at))
	}
	return f.g.d.heapBytes
}

// retainedBy adds up what a set of nodes keeps alive; one that another of the set keeps counts once.
func (f *finder) retainedBy(set map[uint32]bool) uint64 {
	covered := map[uint32]bool{}
	var total uint64
	for node := range set {
		if !f.coveredBy(node, set, covered) {
			total += f.retained[node]
		}
	}
	return total
}

// coveredBy tells whether a node has a dominator in the set; `covered` keeps what was found.
func (f *finder) coveredBy(node uint32, set, covered map[uint32]bool) bool {
	var walked []uint32
	result := false
	for at := f.idom[node]; at != none; at = f.idom[at] {
		if set[at] {
			result = true
			break
		}
		if known, ok := covered[at]; ok {
			result = known
			break
		}
		walked = append(walked, at)
	}
	for _, at := range walked {
		covered[at] = result
	}
	return result
}
