package handlers

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"example.com/notes/internal/events"
	"example.com/notes/internal/store"
)

const pageSize = 50

// Notes answers requests about notes.
type Notes struct {
	store *store.Store
	bus   *events.Bus
}

// NewNotes returns the handlers of the notes in the store; changes are told to the bus.
func NewNotes(store *store.Store, bus *events.Bus) *Notes {
	return &Notes{store: store, bus: bus}
}

// List answers with the first page of notes.
func (n *Notes) List(c *echo.Context) error {
	notes, err := n.store.Notes(c.Request().Context(), pageSize)
	if err != nil {
		return failed(err)
	}
	return c.JSON(http.StatusOK, notes)
}

// Get answers with one note.
func (n *Notes) Get(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	note, err := n.store.Note(c.Request().Context(), id)
	if err != nil {
		return failed(err)
	}
	return c.JSON(http.StatusOK, note)
}

// Add stores a note.
func (n *Notes) Add(c *echo.Context) error {
	var note store.Note
	if err := c.Bind(&note); err != nil {
		return err
	}
	note, err := n.store.AddNote(c.Request().Context(), note)
	if err != nil {
		return failed(err)
	}
	n.bus.Publish(events.Event{NoteID: note.ID, Kind: "added"})
	return c.JSON(http.StatusCreated, note)
}

// Change stores a new title and body.
func (n *Notes) Change(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	var note store.Note
	if err := c.Bind(&note); err != nil {
		return err
	}
	note.ID = id
	if err := n.store.ChangeNote(c.Request().Context(), note); err != nil {
		return failed(err)
	}
	n.bus.Publish(events.Event{NoteID: id, Kind: "changed"})
	return c.NoContent(http.StatusNoContent)
}

// Delete removes a note.
func (n *Notes) Delete(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	if err := n.store.DeleteNote(c.Request().Context(), id); err != nil {
		return failed(err)
	}
	n.bus.Publish(events.Event{NoteID: id, Kind: "deleted"})
	return c.NoContent(http.StatusNoContent)
}
