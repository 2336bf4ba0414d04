package main

import (
	"sort"
	"strings"
)

// site is one line of the histogram: all objects of one allocation stack.
type site struct {
	Objects    int      `json:"objects"`
	Bytes      uint64   `json:"bytes"`
	NewObjects int      `json:"new_objects"`
	NewBytes   uint64   `json:"new_bytes"`
	Type       string   `json:"type"`
	Stack      []place  `json:"stack"`
	Holders    []holder `json:"holders"`
}

// dominator is one line of the dominator tree's top.
type dominator struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Retained uint64 `json:"retained_bytes"`
	Bytes    uint64 `json:"bytes"`
}

// earlier returns the objects of an earlier dump: by address, the stack that allocated them.
func earlier(data []byte) map[uint64]uint64 {
	d := parse(data)
	ids := make([]uint64, len(d.records))
	for id, index := range d.recordIndex {
		ids[index] = id
	}
	known := make(map[uint64]uint64, len(d.sampleAddr))
	for i, address := range d.sampleAddr {
		known[address] = ids[d.sampleOf[i]]
	}
	return known
}

// freshness tells for every sample whether its object is new: by address and stack not in the
// earlier dump. Without one all are.
func freshness(d *dump, known map[uint64]uint64) map[uint64]bool {
	if known == nil {
		return nil
	}
	ids := make([]uint64, len(d.records))
	for id, index := range d.recordIndex {
		ids[index] = id
	}
	old := make(map[uint64]bool, len(known))
	for i, address := range d.sampleAddr {
		if id, ok := known[address]; ok && id == ids[d.sampleOf[i]] {
			old[address] = true
		}
	}
	return old
}

func (f *finder) isNew(object int, old map[uint64]bool) bool {
	address := f.g.d.addr[object]
	// A sample of an object with a header before it names the address behind the header.
	return !old[address] && !old[address+8]
}

func (f *finder) count(out *response, sites []int32) {
	for i := range sites {
		out.Bytes += f.g.d.size[i]
		if sites[i] >= 0 {
			out.Sampled++
		}
		if f.g.reached[i] {
			out.Reached++
		}
		if f.y.of[i] != noType {
			out.Typed++
		}
	}
}

func (f *finder) answer(q *question, sites []int32, stacks [][]place, old map[uint64]bool) answer {
	wanted := make([]bool, len(stacks))
	out := answer{ID: q.ID}
	for of := range recordsOf(stacks, q) {
		wanted[of] = true
		out.Stacks++
	}
	for i, of := range sites {
		if of >= 0 && wanted[of] && f.isNew(i, old) {
			out.targets = append(out.targets, uint32(i))
			out.Bytes += f.g.d.size[i]
		}
	}
	out.Objects = len(out.targets)
	out.Holders = f.holders(out.targets)
	return out
}

// histogram counts by allocation stack, the runtime's own frames at its top left out, and returns
// the sites with most bytes; with an earlier dump, those that grew most, and their holders.
func (f *finder) histogram(sites []int32, stacks [][]place, old map[uint64]bool, q *request) []site {
	byKey := map[string]int{}
	of := make([]int, len(stacks))
	var out []site
	for i, frames := range stacks {
		if frames == nil {
			continue
		}
		shown := visible(frames)
		key := stackKey(shown)
		at, known := byKey[key]
		if !known {
			at = len(out)
			byKey[key] = at
			out = append(out, site{Stack: shown})
		}
		of[i] = at
	}
	types := make([]map[int32]int, len(out))
	for i, record := range sites {
		if record < 0 {
			continue
		}
		at := of[record]
		size := f.g.d.size[i]
		out[at].Objects++
		out[at].Bytes += size
		if f.isNew(i, old) {
			out[at].NewObjects++
			out[at].NewBytes += size
		}
		if types[at] == nil {
			types[at] = map[int32]int{}
		}
		types[at][f.y.of[i]<<1|int32(f.y.rank[i]>>7)]++
	}
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
		out[i].Type = f.commonType(types[i])
	}
	grown := q.Growth
	sort.SliceStable(order, func(a, b int) bool {
		x, y := &out[order[a]], &out[order[b]]
		if grown {
			return x.NewBytes > y.NewBytes
		}
		return x.Bytes > y.Bytes
	})
	if q.Top > 0 && len(order) > q.Top {
		order = order[:q.Top]
	}
	chosen := make([]site, 0, len(order))
	for _, at := range order {
		one := out[at]
		if grown {
			var targets []uint32
			for i, record := range sites {
				if record >= 0 && of[record] == at && f.isNew(i, old) {
					targets = append(targets, uint32(i))
				}
			}
			one.Holders = f.holders(targets)
		}
		chosen = append(chosen, one)
	}
	return chosen
}

func stackKey(frames []place) string {
	key := make([]byte, 0, 64*len(frames))
	for _, f := range frames {
		key = append(key, f.File...)
		key = append(key, ':', byte(f.Line), byte(f.Line>>8), byte(f.Line>>16))
	}
	return string(key)
}

func (f *finder) commonType(counts map[int32]int) string {
	best, most := noType, 0
	for typ, count := range counts {
		if typ >= 0 && (count > most || count == most && typ < best) {
			best, most = typ, count
		}
	}
	if best == noType {
		return ""
	}
	if best&1 != 0 {
		return strings.Replace("[]"+f.t.text(best>>1), "[]uint8", "[]byte", 1)
	}
	return f.t.text(best >> 1)
}

// top returns the roots and objects that retain most, of those that the top of the tree holds itself
// and one level below.
func (f *finder) top(count int) []dominator {
	var nodes []uint32
	for node := uint32(0); int(node) < f.g.nodes(); node++ {
		if f.g.reached[node] && f.retained[node] > 0 && f.idom[node] == none {
			nodes = append(nodes, node)
		}
	}
	sort.SliceStable(nodes, func(a, b int) bool { return f.retained[nodes[a]] > f.retained[nodes[b]] })
	if count > 0 && len(nodes) > count {
		nodes = nodes[:count]
	}
	out := make([]dominator, 0, len(nodes))
	for _, node := range nodes {
		one := dominator{Retained: f.retained[node]}
		if int(node) < f.g.objects {
			one.Kind = "object"
			one.Bytes = f.g.d.size[node]
			h := f.hold(f.nodesTo(node))
			one.Name = h.root
			for _, text := range h.pathTexts() {
				one.Name += " -> " + text
			}
		} else {
			h := f.hold([]uint32{node})
			one.Name, one.Kind = h.root, h.kind
			if h.goroutine != nil {
				one.Name = h.goroutine.Function + " [" + h.goroutine.Wait + "]"
			}
		}
		out = append(out, one)
	}
	return out
}
