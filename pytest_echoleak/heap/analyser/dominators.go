package main

// dominate returns for every node its immediate dominator (`none`: the top, or unreached), and the
// bytes that each node retains: its own, and those of all nodes that only it keeps alive.
//
// The algorithm is semi-NCA (Georgiadis): semidominators as Lengauer and Tarjan find them, then the
// nearest common ancestor along the tree built so far. It works on numbers in depth-first order,
// without recursion.
func (g *graph) dominate() (idom []uint32, retained []uint64) {
	n := g.nodes()
	order, number, parent := g.depthFirst()
	preds, predStart := g.predecessors(order, number)
	g.order, g.number, g.preds, g.predStart = order, number, preds, predStart

	semi := make([]uint32, len(order))
	label := make([]uint32, len(order))
	tree := make([]uint32, len(order))
	ancestor := make([]uint32, len(order))
	for i := range semi {
		semi[i], label[i], tree[i], ancestor[i] = uint32(i), uint32(i), parent[i], none
	}
	var stack []uint32
	evaluate := func(v uint32) uint32 {
		if ancestor[v] == none {
			return label[v]
		}
		stack = stack[:0]
		for u := v; ancestor[ancestor[u]] != none; u = ancestor[u] {
			stack = append(stack, u)
		}
		for i := len(stack) - 1; i >= 0; i-- {
			u := stack[i]
			above := ancestor[u]
			if semi[label[above]] < semi[label[u]] {
				label[u] = label[above]
			}
			ancestor[u] = ancestor[above]
		}
		return label[v]
	}
	for w := len(order) - 1; w >= 1; w-- {
		for _, v := range preds[predStart[w]:predStart[w+1]] {
			if s := semi[evaluate(v)]; s < semi[w] {
				semi[w] = s
			}
		}
		ancestor[w] = parent[w]
	}
	for w := 1; w < len(order); w++ {
		for tree[w] > semi[w] {
			tree[w] = tree[tree[w]]
		}
	}

	idom = make([]uint32, n)
	retained = make([]uint64, n)
	for i := range idom {
		idom[i] = none
		if i < g.objects {
			retained[i] = g.d.size[i]
		}
	}
	for w := len(order) - 1; w >= 1; w-- {
		if above := tree[w]; above != 0 {
			idom[order[w]] = order[above]
			retained[order[above]] += retained[order[w]]
		}
	}
	return idom, retained
}

// depthFirst numbers the reached nodes: order[0] is the top.
func (g *graph) depthFirst() (order, number, parent []uint32) {
	n := g.nodes()
	number = make([]uint32, n)
	order = make([]uint32, 1, len(g.visits)+1)
	parent = make([]uint32, 1, len(g.visits)+1)
	order[0], parent[0] = none, none
	next := make([]uint32, n) // the next pointer of a node to look at
	path := make([]uint32, 0, 1024)
	enter := func(node, above uint32) {
		number[node] = uint32(len(order))
		order = append(order, node)
		parent = append(parent, above)
		path = append(path, node)
	}
	for _, top := range g.tops {
		if number[top] != 0 {
			continue
		}
		enter(top, 0)
		for len(path) > 0 {
			node := path[len(path)-1]
			to := g.step(node, &next[node])
			if to == none {
				path = path[:len(path)-1]
			} else if number[to] == 0 {
				enter(to, number[node])
			}
		}
	}
	return order, number, parent
}

// step returns the next node that `node` leads to, or `none` when it was the last.
func (g *graph) step(node uint32, next *uint32) uint32 {
	if int(node) < g.objects {
		for at := g.start[node] + *next; at < g.start[node+1]; at = g.start[node] + *next {
			*next++
			if g.to[at] != none {
				return g.to[at]
			}
		}
		return none
	}
	edges := g.roots[int(node)-g.objects].edges
	if int(*next) < len(edges) {
		*next++
		return edges[*next-1].to
	}
	return none
}

// predecessors lists, by number, who leads to each node.
func (g *graph) predecessors(order, number []uint32) (preds, start []uint32) {
	start = make([]uint32, len(order)+1)
	for _, node := range order[1:] {
		g.each(node, func(to uint32) {
			start[number[to]]++
		})
	}
	for _, top := range g.tops {
		start[number[top]]++
	}
	total := uint32(0)
	for i := range start {
		start[i], total = total, total+start[i]
	}
	preds = make([]uint32, total)
	fill := make([]uint32, len(order))
	copy(fill, start)
	for i, node := range order {
		if i == 0 {
			continue
		}
		g.each(node, func(to uint32) {
			preds[fill[number[to]]] = uint32(i)
			fill[number[to]]++
		})
	}
	for _, top := range g.tops {
		preds[fill[number[top]]] = 0
		fill[number[top]]++
	}
	return preds, start
}
