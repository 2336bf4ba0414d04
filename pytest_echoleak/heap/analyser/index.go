package main

import (
	"sort"
)

const (
	pageShift = 13
	pageSize  = 1 << pageShift
	none      = ^uint32(0)
	// An arena of more pages than this is searched without a table of pages.
	maxPages = 1 << 25
	maxNodes = 1 << 31
)

// index finds the object that an address lies in.
type index struct {
	addr  []uint64
	size  []uint64
	base  uint64   // of the first page
	first []uint32 // per page, the first object that begins in it or later
}

// settle sorts the objects by address, drops those that are none, and builds the index.
func (d *dump) settle() *index {
	if len(d.addr) >= maxNodes || uint64(d.slots) >= uint64(none) {
		fail("it has %d objects and %d pointers, which is more than can be read", len(d.addr), d.slots)
	}
	d.sortByAddress()
	d.dropTails()
	for i := 1; i < len(d.addr); i++ {
		if d.addr[i-1]+d.size[i-1] > d.addr[i] {
			fail("two of its objects overlap")
		}
	}
	return newIndex(d.addr, d.size)
}

// sortByAddress exploits that the runtime writes span by span, in no order, but each span's objects
// by rising addresses: what begins in one page is moved as a whole.
func (d *dump) sortByAddress() {
	type run struct{ from, to int }
	var runs []run
	for from := 0; from < len(d.addr); {
		to := from + 1
		for to < len(d.addr) && d.addr[to] > d.addr[to-1] && d.addr[to]>>pageShift == d.addr[from]>>pageShift {
			to++
		}
		runs = append(runs, run{from, to})
		from = to
	}
	sort.Slice(runs, func(a, b int) bool { return d.addr[runs[a].from] < d.addr[runs[b].from] })
	addr := make([]uint64, 0, len(d.addr))
	size := make([]uint64, 0, len(d.addr))
	pos := make([]int64, 0, len(d.addr))
	for _, r := range runs {
		addr = append(addr, d.addr[r.from:r.to]...)
		size = append(size, d.size[r.from:r.to]...)
		pos = append(pos, d.pos[r.from:r.to]...)
	}
	d.addr, d.size, d.pos = addr, size, pos
}

// dropTails removes what the runtime writes as the last objects of a span of small objects though
// it is the span's own bookkeeping: bits that say where pointers are (since Go 1.22), and mark bits
// (since 1.26, unless an experiment is off). Which of both there is, the number of objects tells.
func (d *dump) dropTails() {
	scanned := map[uint64]bool{}
	last := ^uint64(0)
	for i := range d.addr {
		page := d.addr[i] >> pageShift
		if page != last && d.size[i] <= 512 && d.hasPointers(i) {
			scanned[page] = true
			last = page
		}
	}
	isTail := func(i int, bits, marks uint64) bool {
		size := d.size[i]
		if size > 512 || d.addr[i]%pageSize+size <= pageSize-bits-marks {
			return false
		}
		reserve := uint64(0)
		if size >= 16 {
			reserve = marks
		}
		if bits > 0 && scanned[d.addr[i]>>pageShift] {
			reserve += bits
		}
		return d.addr[i]%pageSize+size > pageSize-reserve
	}
	layouts := [][2]uint64{{128, 128}, {128, 0}, {0, 0}}
	best, distance := layouts[0], uint64(1)<<63
	for _, layout := range layouts {
		kept := uint64(0)
		for i := range d.addr {
			if !isTail(i, layout[0], layout[1]) {
				kept++
			}
		}
		off := kept - d.heapObjects
		if kept < d.heapObjects {
			off = d.heapObjects - kept
		}
		if off < distance {
			best, distance = layout, off
		}
	}
	kept := 0
	for i := range d.addr {
		if !isTail(i, best[0], best[1]) {
			d.addr[kept], d.size[kept], d.pos[kept] = d.addr[i], d.size[i], d.pos[i]
			kept++
		}
	}
	d.addr, d.size, d.pos = d.addr[:kept], d.size[:kept], d.pos[:kept]
}

// hasPointers tells whether object i has a pointer field, nil or not.
func (d *dump) hasPointers(i int) bool {
	return d.data[int(d.pos[i])+int(d.size[i])] != 0
}

func newIndex(addr, size []uint64) *index {
	x := &index{addr: addr, size: size}
	if len(addr) == 0 {
		return x
	}
	x.base = addr[0] >> pageShift
	pages := addr[len(addr)-1]>>pageShift - x.base + 1
	if pages > maxPages {
		return x
	}
	x.first = make([]uint32, pages+1)
	at := 0
	for page := range x.first {
		for at < len(addr) && addr[at]>>pageShift-x.base < uint64(page) {
			at++
		}
		x.first[page] = uint32(at)
	}
	return x
}

// find returns the object that contains an address, or `none`.
func (x *index) find(address uint64) uint32 {
	if len(x.addr) == 0 || address < x.addr[0] {
		return none
	}
	low, high := 0, len(x.addr)
	if x.first != nil {
		page := address>>pageShift - x.base
		if page >= uint64(len(x.first)-1) {
			// Only the last object may reach beyond the last page that one begins in.
			return x.within(len(x.addr)-1, address)
		}
		low, high = int(x.first[page]), int(x.first[page+1])
		if low < high && x.addr[low] <= address {
			// All objects of a page are of one size: with none missing this is the place.
			guess := low + int((address-x.addr[low])/x.size[low]) + 1
			if guess < high {
				high = guess
			}
			low++
		} else {
			return x.within(low-1, address)
		}
	}
	for low < high {
		middle := int(uint(low+high) >> 1)
		if x.addr[middle] <= address {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return x.within(low-1, address)
}

func (x *index) within(i int, address uint64) uint32 {
	if i >= 0 && address-x.addr[i] < x.size[i] {
		return uint32(i)
	}
	return none
}
