package main

// So many nodes are visited to find holders beside the first: of all sites, of one group of objects,
// and of one object. A holder that lies further away is not one that a developer would name.
const (
	totalBudget = 2_000_000
	groupBudget = 50_000
	maxVisits   = 1_000
)

// others finds what else holds a group's objects: paths that do not lead over its container. Where
// the container dominates an object there is none.
func (f *finder) others(g *group, put func(held, uint32)) {
	at := g.containerOf()
	budget := groupBudget
	for i, target := range g.targets {
		if f.budget <= 0 || budget <= 0 {
			break
		}
		blocked := f.blocked(&g.helds[i], at, target)
		if blocked == none || f.dominates(blocked, target, &budget) {
			continue
		}
		if path := f.pathAround(target, blocked, &budget); path != nil {
			f.shared[target] = true
			put(f.hold(path), target)
		}
	}
	f.budget -= groupBudget - budget
}

// blocked returns the node that stands for a holder: the node that the container's inside begins at,
// or the root.
func (f *finder) blocked(h *held, at int, target uint32) uint32 {
	if at >= 0 && at < len(h.elements) && h.elements[at].first != target {
		return h.elements[at].first
	}
	if int(h.top) >= f.g.objects {
		return h.top
	}
	return none
}

func (f *finder) dominates(above, node uint32, budget *int) bool {
	for at := f.idom[node]; at != none; at = f.idom[at] {
		if *budget--; at == above || *budget < 0 {
			return true
		}
	}
	return false
}

// pathAround searches backwards from a node to the nearest root without touching `blocked`. Roots of
// the program come first; the runtime's own are holders only where there is no other.
func (f *finder) pathAround(target, blocked uint32, budget *int) []uint32 {
	g := f.g
	next := map[uint32]uint32{target: none}
	queue := []uint32{target}
	for from := 0; from < len(queue) && from < maxVisits; from++ {
		node := queue[from]
		*budget--
		if int(node) >= g.objects {
			one := &g.roots[int(node)-g.objects]
			if !one.inner {
				if one.wave != waveProgram {
					continue
				}
				return follow(next, node)
			}
		}
		number := g.number[node]
		for _, p := range g.preds[g.predStart[number]:g.predStart[number+1]] {
			if p == 0 {
				continue
			}
			before := g.order[p]
			if _, seen := next[before]; !seen && before != blocked {
				next[before] = node
				queue = append(queue, before)
			}
		}
	}
	return nil
}

func follow(next map[uint32]uint32, from uint32) []uint32 {
	var path []uint32
	for at := from; at != none; at = next[at] {
		path = append(path, at)
	}
	return path
}
