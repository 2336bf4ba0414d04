// Every upload registers its codec again, under the name of the upload.
package main

import (
	"net/http"
	"strconv"
	"sync"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type codec struct {
	name   string
	tables [4][]byte
}

var (
	registryMu sync.Mutex
	registry   = map[string]*codec{}
)

func register(name string) *codec {
	registryMu.Lock()
	defer registryMu.Unlock()
	if known, ok := registry[name]; ok {
		return known
	}
	made := &codec{name: name}
	for i := range made.tables {
		made.tables[i] = make([]byte, 128)
	}
	registry[name] = made
	return made
}

func main() {
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		name := "upload-" + strconv.FormatInt(1_000_000_000_000+seq.Next(), 10)
		return c.String(http.StatusOK, register(name).name)
	})
	e.GET("/healthy", func(c echo.Context) error {
		return c.String(http.StatusOK, register("png").name)
	})
	serve.Run(e)
}
