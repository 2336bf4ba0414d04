package main

import (
	"sort"
	"strings"
)

// group is objects of one site that are held alike.
type group struct {
	example held
	at      int  // of the container among the elements, where groups were merged over it
	many    bool // goroutines, each of which is a holder
	targets []uint32
	helds   []held
}

func (f *finder) group(targets []uint32) []*group {
	bySignature := map[string]*group{}
	var groups []*group
	put := func(h held, target uint32) {
		key := h.signature()
		g := bySignature[key]
		if g == nil {
			g = &group{example: h, at: -1}
			bySignature[key] = g
			groups = append(groups, g)
		}
		if !g.example.hasTree() && h.hasTree() {
			// What is a tree shows only where a path is long enough; signatures do not tell.
			g.example = h
		}
		g.targets = append(g.targets, target)
		g.helds = append(g.helds, h)
	}
	for _, target := range targets {
		put(f.hold(f.nodesTo(target)), target)
	}
	groups = joinGoroutines(groups)
	// What is found next may be held as these are: it gets groups of its own, which are joined again.
	bySignature = map[string]*group{}
	for _, g := range groups {
		if !g.many {
			bySignature[g.example.signature()] = g
		}
	}
	first := append([]*group(nil), groups...)
	for _, g := range first {
		f.others(g, put)
	}
	groups = f.joinLists(f.merge(joinGoroutines(groups)))
	sort.SliceStable(groups, func(a, b int) bool { return len(groups[a].targets) > len(groups[b].targets) })
	return groups
}

// joinGoroutines joins groups that many goroutines hold which are alike: which of their words holds
// an object, and over which variable, is all one.
func joinGoroutines(groups []*group) []*group {
	alike := map[string]*group{}
	largest := map[string]int{}
	for _, g := range groups {
		if g.example.kind != rootGoroutine {
			continue
		}
		key := g.example.key
		if alike[key] == nil {
			alike[key] = &group{at: -1}
		}
		if len(g.targets) > largest[key] {
			largest[key], alike[key].example = len(g.targets), g.example
		}
		alike[key].add(g)
	}
	var out []*group
	for _, g := range groups {
		all, joined := alike[g.example.key]
		switch {
		case g.example.kind != rootGoroutine || joined && !all.heldByMany():
			out = append(out, g)
		case joined:
			all.many = true
			out = append(out, all)
			delete(alike, g.example.key)
		}
	}
	return out
}

func (g *group) add(other *group) {
	g.targets = append(g.targets, other.targets...)
	g.helds = append(g.helds, other.helds...)
}

// merge joins groups that hang from the same container: one line may allocate several objects, which
// lie at different places below it. The path of the group with most bytes stands for all.
func (f *finder) merge(groups []*group) []*group {
	sort.SliceStable(groups, func(a, b int) bool {
		x, y := groups[a], groups[b]
		if of, other := f.bytesOf(x), f.bytesOf(y); of != other {
			return of > other
		}
		return len(x.example.elements) < len(y.example.elements)
	})
	byContainer := map[uint32]*group{}
	var out []*group
	for _, g := range groups {
		at := g.containerOf()
		if at < 0 {
			out = append(out, g)
			continue
		}
		into := g
		shards := g.containers(at)
		for node := range shards {
			if known := byContainer[node]; known != nil {
				into = known
			}
		}
		for node := range shards {
			byContainer[node] = into
		}
		if into == g {
			g.at = at
			out = append(out, g)
			continue
		}
		if g.saysMoreThan(into) {
			into.example, into.at = g.example, at
		}
		into.add(g)
	}
	return out
}

// joinLists gives a list what a map of its elements leads to from element to element: of those that
// the map has let go of, as a cache with a capacity does, only the list knows.
func (f *finder) joinLists(groups []*group) []*group {
	var lists, out []*group
	for _, g := range groups {
		if g.at >= 0 && g.example.elements[g.at].container == "list" {
			lists = append(lists, g)
		}
	}
	for _, g := range groups {
		if list := besides(lists, g); list != nil && f.isBeyondMap(g) {
			list.add(g)
		} else {
			out = append(out, g)
		}
	}
	return out
}

// besides returns the list that the owner of a group's container has, too, or nil.
func besides(lists []*group, g *group) *group {
	for _, list := range lists {
		if list.owner() == g.owner() {
			return list
		}
	}
	return nil
}

// owner is the node that has a group's container in a field of its own.
func (g *group) owner() uint32 {
	if g.at > 0 {
		return g.example.elements[g.at-1].last
	}
	return g.example.top
}

// isBeyondMap tells whether a map of a list's elements leads to most of its objects by the way from
// element to element: further than to the values of elements that are its own.
func (f *finder) isBeyondMap(g *group) bool {
	if g.at < 0 || !strings.HasSuffix(g.example.elements[g.at].typ, "]*list.Element") {
		return false
	}
	// From a map's header over its directory, a table, a group and an element to the value.
	const stepsInMap = 6
	beyond := 0
	for _, h := range g.helds {
		if g.at+1 < len(h.elements) &&
			f.g.depth[h.elements[g.at+1].first] > f.g.depth[h.elements[g.at].first]+stepsInMap {
			beyond++
		}
	}
	return 2*beyond > len(g.helds)
}

// inChain tells whether an element is a later node of the chain that another begins.
func (g *group) inChain(begin, at int) bool {
	elements := g.example.elements
	return begin >= 0 && at-begin < maxPeriod && elements[begin].container == linkedList && elements[at].container == linkedList
}

// inTree tells whether a container is in the nodes of a tree that grows. A tree may also be the way to
// what grows, as a router is: that is one container beyond it, or the shards of a single value.
func (g *group) inTree(root, at int, beyond bool) bool {
	return root >= 0 && g.example.elements[root].container == tree && (at-root <= treePeriod || !beyond)
}

func (h *held) hasTree() bool {
	for i := range h.elements {
		if h.elements[i].container == tree {
			return true
		}
	}
	return false
}

func (f *finder) bytesOf(g *group) (sum uint64) {
	for _, target := range g.targets {
		sum += f.g.d.size[target]
	}
	return sum
}

// saysMoreThan tells whether a group's path is to stand for both: what is in a container says more
// than its own nodes, and what lies right in it more than what hangs from that.
func (g *group) saysMoreThan(other *group) bool {
	ours, theirs := len(g.example.elements), len(other.example.elements)
	inside := other.at + 1
	if theirs == inside {
		return ours > inside
	}
	return ours > inside && ours < theirs && 2*len(g.targets) >= len(other.targets) &&
		strings.HasPrefix(other.example.signature(), g.example.signature()+"|")
}

// containers are the nodes that a group's container is: one, or a few shards.
func (g *group) containers(at int) map[uint32]bool {
	all := map[uint32]bool{g.example.elements[at].first: true}
	for i := range g.helds {
		if at < len(g.helds[i].elements) {
			all[g.helds[i].elements[at].first] = true
		}
	}
	return all
}

// containerOf returns the element of a group's paths that all its objects hang from, or -1: the last
// one that is a single node (or few of many) for all of them.
func (g *group) containerOf() int {
	best, single, before := -1, -1, 1
	if g.at >= 0 {
		return g.at
	}
	if g.many {
		return -1
	}
	for i := range g.example.elements {
		seen := map[uint32]bool{}
		for _, h := range g.helds {
			if i < len(h.elements) {
				seen[h.elements[i].first] = true
			}
		}
		if !few(len(seen), len(g.helds)) {
			break
		}
		single = i
		if g.example.elements[i].container != "" && !g.inChain(best, i) && !g.inTree(best, i, min(len(seen), before) == 1) {
			best = i
		}
		before = len(seen)
	}
	if best >= 0 && g.example.elements[best].container == "channel" && single > best {
		// One value that goes round, as a lock does: what grows is behind it.
		best = single
	}
	if best < 0 {
		// A structure of the user's own: a tree, an array of pointers.
		best = single
	}
	return best
}

// heldByMany tells whether a group hangs from many goroutines: each of them is a holder. A server's
// one goroutine is but the way to what grows.
func (g *group) heldByMany() bool {
	if g.example.kind != rootGoroutine || g.example.goroutine.Function == "main.main" {
		return false
	}
	seen := map[int]bool{}
	for _, one := range g.helds {
		seen[one.gid] = true
	}
	return len(g.helds) == 1 || !few(len(seen), len(g.helds))
}

// few tells whether so many different ones are what all of a group have in common.
func few(different, all int) bool { return different == 1 || different*8 <= all }
