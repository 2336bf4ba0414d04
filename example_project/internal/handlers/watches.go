package handlers

import (
	"net/http"
	"sync/atomic"

	"github.com/labstack/echo/v5"

	"example.com/notes/internal/events"
)

// Watches tells whether notes change while a client looks at them.
type Watches struct {
	bus     *events.Bus
	changes atomic.Int64
}

// NewWatches returns the handlers that listen to the bus.
func NewWatches(bus *events.Bus) *Watches {
	return &Watches{bus: bus}
}

// Leaky answers with the number of changes seen.
//
// Wrong: the listener is never removed. It stays, with all that its closure captures, and is
// called for every event from now on.
func (w *Watches) Leaky(c *echo.Context) error {
	before := w.changes.Load()
	w.bus.Subscribe(func(e events.Event) { w.count(e, before) }) // leak: listener
	return c.JSON(http.StatusOK, w.changes.Load()-before)
}

// Fixed answers with the number of changes seen.
//
// Mended: the listener goes when the request ends.
func (w *Watches) Fixed(c *echo.Context) error {
	before := w.changes.Load()
	unsubscribe := w.bus.Subscribe(func(e events.Event) { w.count(e, before) })
	defer unsubscribe()
	return c.JSON(http.StatusOK, w.changes.Load()-before)
}

func (w *Watches) count(e events.Event, before int64) {
	if e.NoteID > 0 && w.changes.Load() >= before {
		w.changes.Add(1)
	}
}
