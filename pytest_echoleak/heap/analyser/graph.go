package main

// graph has one node per object (0 .. objects-1), one per root behind them, and one more on top of
// all roots that are roots of their own. The pointers of an object are in the order of its fields;
// `none` stands for one that leads to no object.
type graph struct {
	d       *dump
	objects int
	roots   []root
	start   []uint32
	to      []uint32

	// The tree of shortest paths: who reached a node first (`none`: a root of its own, or unreached).
	parent  []uint32
	depth   []uint32 // how far from its root
	reached []bool
	tops    []uint32 // roots that are children of the top
	visits  []uint32 // nodes in the order of being reached

	// Who leads to a node, by number in depth-first order; dominate makes them.
	order, number, preds, predStart []uint32
}

func newGraph(d *dump, x *index, roots []root) *graph {
	g := &graph{d: d, objects: len(d.addr), roots: roots}
	g.start = make([]uint32, g.objects+1)
	g.to = make([]uint32, 0, d.slots)
	for i := 0; i < g.objects; i++ {
		pos, size := int(d.pos[i]), int(d.size[i])
		r := reader{data: d.data, at: pos + size}
		for r.number() != 0 {
			off := r.number()
			target := none
			if size >= 8 && off <= uint64(size-8) {
				target = x.find(word(d.data, pos+int(off)))
			}
			g.to = append(g.to, target)
		}
		g.start[i+1] = uint32(len(g.to))
	}
	g.cutFromTimers()
	return g
}

// cutFromTimers takes away all ways to the runtime's processors but the one over runtime.allp. A
// timer knows its processor, and that all other timers: one ticker would hold whatever they hold.
func (g *graph) cutFromTimers() {
	lists := map[uint32]bool{}
	isProcessor := make([]bool, g.objects)
	for i := range g.roots {
		if g.roots[i].name != "runtime.allp" {
			continue
		}
		for _, e := range g.roots[i].edges {
			lists[e.to] = true
			for _, to := range g.to[g.start[e.to]:g.start[e.to+1]] {
				if to != none {
					isProcessor[to] = true
				}
			}
		}
	}
	if len(lists) == 0 {
		return
	}
	for i := 0; i < g.objects; i++ {
		for at := g.start[i]; at < g.start[i+1]; at++ {
			if to := g.to[at]; to != none && isProcessor[to] && !lists[uint32(i)] {
				g.to[at] = none
			}
		}
	}
}

func (g *graph) nodes() int { return g.objects + len(g.roots) }

// each calls `visit` with every node that `node` leads to.
func (g *graph) each(node uint32, visit func(uint32)) {
	if int(node) < g.objects {
		for _, to := range g.to[g.start[node]:g.start[node+1]] {
			if to != none {
				visit(to)
			}
		}
		return
	}
	for _, e := range g.roots[int(node)-g.objects].edges {
		visit(e.to)
	}
}

// A word of a stack that is no variable's comes as much later as a path by names may be longer.
const namelessDelay = 24

// search finds the shortest path to every node, wave by wave: what a wave reached keeps its path.
// `hasName` tells of what words of a goroutine's stack the name is known.
func (g *graph) search(x *index, hasName func(*root, edge) bool) {
	g.parent = make([]uint32, g.nodes())
	for i := range g.parent {
		g.parent[i] = none
	}
	g.depth = make([]uint32, g.nodes())
	g.reached = make([]bool, g.nodes())
	g.visits = make([]uint32, 0, g.nodes())
	for wave := 0; wave < waves; wave++ {
		// Data without a name comes last, and only where no named data leads to it.
		g.spread(wave, func(one *root) bool { return !one.inner }, hasName)
	}
	g.spread(waveRuntime, func(one *root) bool { return true }, hasName)
	g.stackWords(x)
}

func (g *graph) spread(wave int, wanted func(*root) bool, hasName func(*root, edge) bool) {
	var waiting, nameless [startLast + namelessDelay + 1][]uint32
	for i := range g.roots {
		one := &g.roots[i]
		node := uint32(g.objects + i)
		if one.wave == wave && wanted(one) && !g.reached[node] {
			waiting[one.start] = append(waiting[one.start], node)
		}
	}
	from := len(g.visits)
	for distance := 0; distance < len(waiting) || from < len(g.visits); distance++ {
		if distance < len(waiting) {
			for _, node := range waiting[distance] {
				if !g.reached[node] {
					g.reach(node, none)
					g.tops = append(g.tops, node)
				}
			}
		}
		until := len(g.visits)
		for ; from < until; from++ {
			node := g.visits[from]
			if one := g.goroutineOf(node); one == nil {
				g.expand(node)
			} else {
				g.reachEdges(node, one, func(e edge) bool { return hasName(one, e) })
				nameless[distance+namelessDelay] = append(nameless[distance+namelessDelay], node)
			}
		}
		if distance < len(nameless) {
			for _, node := range nameless[distance] {
				g.reachEdges(node, g.goroutineOf(node), func(edge) bool { return true })
			}
		}
	}
}

// goroutineOf returns the root of a node that is a goroutine of the program's, or nil.
func (g *graph) goroutineOf(node uint32) *root {
	if int(node) < g.objects || g.roots[int(node)-g.objects].kind != rootGoroutine {
		return nil
	}
	return &g.roots[int(node)-g.objects]
}

func (g *graph) reachEdges(node uint32, one *root, wanted func(edge) bool) {
	for _, e := range one.edges {
		if !g.reached[e.to] && wanted(e) {
			g.reach(e.to, node)
		}
	}
}

// expand reaches all that a node leads to.
func (g *graph) expand(node uint32) {
	g.each(node, func(to uint32) {
		if !g.reached[to] {
			g.reach(to, node)
		}
	})
}

func (g *graph) reach(node, from uint32) {
	g.reached[node] = true
	g.parent[node] = from
	if from != none {
		g.depth[node] = g.depth[from] + 1
	}
	g.visits = append(g.visits, node)
}

// stackWords takes every word of a stack for a pointer, for objects that nothing else reaches:
// variables whose address is taken are on no map of their frame. Edges that make a path are kept.
func (g *graph) stackWords(x *index) {
	for i := range g.roots {
		one := &g.roots[i]
		if one.kind != rootGoroutine {
			continue
		}
		for _, f := range g.d.goroutines[one.goroutine].frames {
			for off := 0; off+8 <= f.size; off += 8 {
				to := x.find(word(g.d.data, f.pos+off))
				if to == none || g.reached[to] {
					continue
				}
				one.edges = append(one.edges, edge{to, f.sp + uint64(off)})
				g.reach(to, uint32(g.objects+i))
				g.drain()
			}
		}
	}
}

// drain goes on from the last node that was reached.
func (g *graph) drain() {
	for from := len(g.visits) - 1; from < len(g.visits); from++ {
		g.expand(g.visits[from])
	}
}
