package main

// Structures of the program's own making, which several of Go's containers or none are part of.

import (
	"container/list"
	"strconv"
)

var (
	books   = &shelf{map[string]*list.Element{}, list.New()}
	papers  = &shelf{map[string]*list.Element{}, list.New()}
	files   = &archive{map[string]*list.Element{}, list.New()}
	numbers = &trie{}
	words   = newDictionary()
	cards   = new(catalog)
)

// A shelf has room for three: whoever is the fourth is taken off the map, but not off the list.
type shelf struct {
	byName map[string]*list.Element
	order  *list.List
}

type book struct{ text [88]byte }

type paper struct{ text [56]byte }

//go:noinline
func (s *shelf) put(i int, it any) {
	for name := range s.byName {
		if len(s.byName) < 3 {
			break
		}
		delete(s.byName, name)
	}
	s.byName[strconv.Itoa(i)] = s.order.PushFront(it)
}

//go:noinline
func newBook() *book { return new(book) } // leaks: book

//go:noinline
func newPaper() *paper { return new(paper) } // leaks: paper

// An archive forgets the oldest in its list, but not in its map. What it keeps is deep.
type archive struct {
	byName map[string]*list.Element
	order  *list.List
}

type folder struct{ inner any }

//go:noinline
func (a *archive) file(i int) {
	var it any = newLeaf()
	for depth := 0; depth < 6; depth++ {
		it = &folder{it}
	}
	a.byName[strconv.Itoa(i)] = a.order.PushFront(it)
	if a.order.Len() > 10 {
		a.order.Remove(a.order.Back())
	}
}

//go:noinline
func newLeaf() *[24]byte { return new([24]byte) } // leaks: leaf

// A trie has a node for each digit of each number.
type trie struct{ next [10]*trie }

//go:noinline
func (t *trie) add(i int) {
	for ; i > 0; i /= 10 {
		if t.next[i%10] == nil {
			t.next[i%10] = newTrie()
		}
		t = t.next[i%10]
	}
}

//go:noinline
func newTrie() *trie { return new(trie) } // leaks: trie

// A catalog has up to 16 cards, and below it others.
type catalog struct {
	cards []*card
	below []*catalog
}

type card struct{ text [104]byte }

//go:noinline
func (c *catalog) add(i int) {
	for len(c.cards) == 16 {
		if c.below == nil {
			c.below = make([]*catalog, 4)
		}
		if c.below[i%4] == nil {
			c.below[i%4] = new(catalog)
		}
		c = c.below[i%4]
		i /= 4
	}
	c.cards = append(c.cards, newCard())
}

//go:noinline
func newCard() *card { return new(card) } // leaks: card

// A dictionary is a trie of maps.
type dictionary struct{ next map[int]*dictionary }

//go:noinline
func (d *dictionary) add(i int) {
	for ; i > 0; i /= 10 {
		if d.next[i%10] == nil {
			d.next[i%10] = newDictionary()
		}
		d = d.next[i%10]
	}
}

//go:noinline
func newDictionary() *dictionary { return &dictionary{map[int]*dictionary{}} } // leaks: dictionary
