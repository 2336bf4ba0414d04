package handlers

import (
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v5"
)

// Drafts knows which notes are being written right now.
type Drafts struct {
	mu   sync.Mutex
	last int64
	open map[int64]*draft
}

type draft struct {
	title  string
	opened time.Time
}

// NewDrafts returns the handlers, with no draft open.
func NewDrafts() *Drafts {
	return &Drafts{open: make(map[int64]*draft)}
}

// Leaky answers whether the draft could be saved.
//
// Wrong: the way out for what needs no saving comes before the delete, so the map only grows.
func (d *Drafts) Leaky(c *echo.Context) error {
	d.mu.Lock()
	d.last++
	id := d.last
	d.open[id] = &draft{title: "untitled", opened: time.Now()} // leak: map
	d.mu.Unlock()

	if c.QueryParam("text") == "" {
		return c.String(http.StatusOK, "nothing to save\n")
	}
	d.close(id)
	return c.String(http.StatusOK, "saved\n")
}

// Fixed answers whether the draft could be saved.
//
// Mended: the entry is deleted on every way out.
func (d *Drafts) Fixed(c *echo.Context) error {
	d.mu.Lock()
	d.last++
	id := d.last
	d.open[id] = &draft{title: "untitled", opened: time.Now()}
	d.mu.Unlock()
	defer d.close(id)

	if c.QueryParam("text") == "" {
		return c.String(http.StatusOK, "nothing to save\n")
	}
	return c.String(http.StatusOK, "saved\n")
}

func (d *Drafts) close(id int64) {
	d.mu.Lock()
	delete(d.open, id)
	d.mu.Unlock()
}
