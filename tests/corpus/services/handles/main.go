// A finalizer closes forgotten handles. Where a handle and its owner know each other it never runs.
package main

import (
	"net/http"
	"runtime"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

type handle struct {
	fd    int64
	owner *document
}

type document struct {
	handle *handle
	pages  [16]int64
}

func open(known bool) *document {
	d := &document{handle: &handle{fd: seq.Next()}}
	if known {
		d.handle.owner = d
	}
	runtime.SetFinalizer(d.handle, func(h *handle) { h.fd = -1 })
	return d
}

func main() {
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error { return c.JSON(http.StatusOK, open(true).handle.fd) })
	e.GET("/healthy", func(c *echo.Context) error { return c.JSON(http.StatusOK, open(false).handle.fd) })
	serve.Run(e)
}
