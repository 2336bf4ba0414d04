package handlers

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"example.com/notes/internal/store"
)

// Archive answers requests about former years. The mistake is in internal/store.
type Archive struct {
	store *store.Archive
}

// NewArchive returns the handlers of this archive.
func NewArchive(archive *store.Archive) *Archive {
	return &Archive{store: archive}
}

// Leaky answers with the oldest note's title.
func (a *Archive) Leaky(c *echo.Context) error {
	title, err := a.store.OldestLeaky()
	if err != nil {
		return failed(err)
	}
	return c.String(http.StatusOK, title)
}

// Fixed answers with the oldest note's title.
func (a *Archive) Fixed(c *echo.Context) error {
	title, err := a.store.Oldest(c.Request().Context())
	if err != nil {
		return failed(err)
	}
	return c.String(http.StatusOK, title)
}
