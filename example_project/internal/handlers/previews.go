package handlers

import (
	"container/list"
	"fmt"
	"net/http"
	"sync"

	"github.com/labstack/echo/v5"
)

const (
	previewHTML     = "<article><h1>Note %d</h1><p>The first lines of it.</p></article>\n"
	previewCapacity = 256
)

// Previews renders notes for the overview, each only once.
type Previews struct {
	mu     sync.Mutex
	cache  map[int64][]byte // Leaky's
	recent *list.List       // Fixed's: the pages, the one used last in front
	places map[int64]*list.Element
}

type preview struct {
	id   int64
	page []byte
}

// NewPreviews returns the handlers, with nothing rendered yet.
func NewPreviews() *Previews {
	return &Previews{
		cache:  make(map[int64][]byte),
		recent: list.New(),
		places: make(map[int64]*list.Element),
	}
}

// Leaky answers with a preview.
//
// Wrong: the cache has neither a capacity nor a time to live. It keeps whatever was ever asked for.
func (p *Previews) Leaky(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	page, ok := p.cache[id]
	if !ok {
		page = fmt.Appendf(nil, previewHTML, id) // leak: cache
		p.cache[id] = page
	}
	p.mu.Unlock()
	return c.HTMLBlob(http.StatusOK, page)
}

// Fixed answers with a preview.
//
// Mended: the cache has a capacity. The page that was not used for the longest time makes room.
func (p *Previews) Fixed(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	place, ok := p.places[id]
	if !ok {
		place = p.recent.PushFront(&preview{id, fmt.Appendf(nil, previewHTML, id)})
		p.places[id] = place
	}
	p.recent.MoveToFront(place)
	if p.recent.Len() > previewCapacity {
		oldest := p.recent.Remove(p.recent.Back()).(*preview)
		delete(p.places, oldest.id)
	}
	page := place.Value.(*preview).page
	p.mu.Unlock()
	return c.HTMLBlob(http.StatusOK, page)
}
