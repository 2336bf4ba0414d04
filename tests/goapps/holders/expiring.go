package main

import (
	"container/list"
	"strconv"
	"sync/atomic"
	"time"
)

// What says of itself when it expires: in a minute or so, some time ago, or never.

type lease struct {
	place   *event
	expires time.Time
}

type grant struct {
	token []byte
	until int64
}

type promise struct {
	word     *event
	deadline atomic.Int64
}

var (
	leases   = map[int]*lease{}
	grants   = map[string]grant{}
	promises = list.New()
	overdue  []*lease
	eternal  = map[int]*lease{}
)

//go:noinline
func newLease(end time.Time) *lease { return &lease{nil, end} } // leaks: lease

//go:noinline
func newOverdue(end time.Time) *lease { return &lease{nil, end} } // leaks: overdue

//go:noinline
func newEternal() *lease { return new(lease) } // leaks: eternal

//go:noinline
func newToken48() []byte { return make([]byte, 48) } // leaks: grant

//go:noinline
func newPromise() *promise { return &promise{word: new(event)} } // leaks: promise

func expiring(i int) {
	leases[i] = newLease(time.Now().Add(time.Minute))
	grants[strconv.Itoa(i)] = grant{newToken48(), time.Now().Add(2 * time.Minute).UnixMilli()}
	one := newPromise()
	one.deadline.Store(time.Now().Add(3 * time.Minute).UnixNano())
	promises.PushBack(one)
	overdue = append(overdue, newOverdue(time.Now().Add(-time.Hour).Round(0)))
	eternal[i] = newEternal()
}
