package main

// Generic code, of which binaries know little: shards, and a decorator of an interface.

import "sync/atomic"

var (
	routes = newRoutes()
	newest atomic.Pointer[edition]
)

// A route has others below it, and a function of what serves it, which is no route any more.
type route struct {
	below []*route
	serve func(int)
}

func newRoutes() *route {
	tickets := &shards[int, *ticket]{}
	fares := fetching[*fare](&shop[*fare]{byKey: map[int]*fare{}}, newFare)
	leaves := []*route{
		{serve: func(i int) { tickets.put(i, newTicket()) }},
		{serve: func(i int) { fares(i) }},
	}
	return &route{below: []*route{{below: []*route{{below: leaves}}}}}
}

//go:noinline
func (r *route) call(i int) {
	if r.serve != nil {
		r.serve(i)
	}
	for _, one := range r.below {
		one.call(i)
	}
}

type shards[K comparable, V any] struct {
	parts [4]struct {
		keys  int
		byKey map[K]V
	}
}

func (s *shards[K, V]) put(key K, value V) {
	part := &s.parts[0]
	for i := range s.parts {
		if s.parts[i].keys < part.keys {
			part = &s.parts[i]
		}
	}
	if part.byKey == nil {
		part.byKey = map[K]V{}
	}
	part.byKey[key] = value
	part.keys++
}

type ticket struct{ text [200]byte }

//go:noinline
func newTicket() *ticket { return new(ticket) } // leaks: ticket

type putter[V any] interface{ put(int, V) }

type shop[V any] struct{ byKey map[int]V }

func (s *shop[V]) put(key int, value V) { s.byKey[key] = value }

type decorated[V any] struct {
	putter[V]
	load func() V
}

func (d decorated[V]) fetch(i int) { d.put(i, d.load()) }

//go:noinline
func fetching[V any](to putter[V], load func() V) func(int) {
	d := decorated[V]{to, load}
	return func(i int) { d.fetch(i) }
}

type fare struct{ text [216]byte }

//go:noinline
func newFare() *fare { return new(fare) } // leaks: fare

type edition struct {
	before *edition
	text   [72]byte
}

//go:noinline
func publish() { newest.Store(&edition{before: newest.Load()}) } // leaks: edition
