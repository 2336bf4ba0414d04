// A desk is known while somebody sits at it, beside thousands that are always taken: sync.Map and
// unique keep an inner node where two were beside each other for a moment.
package main

import (
	"net/http"
	"strconv"
	"sync"
	"unique"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

const alwaysTaken = 20_000

type desk struct {
	floor  string
	number int64
}

type office struct {
	taken sync.Map
	names []unique.Handle[desk]
}

func (o *office) furnish() {
	for i := range alwaysTaken {
		o.taken.Store(-1-i, &desk{"ground", int64(i)})
		o.names = append(o.names, unique.Make(desk{"ground", int64(i)}))
	}
}

func (o *office) take() int64 {
	d := &desk{"first", seq.Next()}
	o.taken.Store(d.number, d)
	return d.number
}

func (o *office) leave(number int64) {
	o.taken.Delete(number)
}

func (o *office) label(number int64) string {
	name := unique.Make(desk{"second", number})
	return name.Value().floor + strconv.FormatInt(number, 10)
}

func main() {
	o := &office{}
	o.furnish()
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		return c.JSON(http.StatusOK, o.take())
	})
	e.GET("/healthy", func(c *echo.Context) error {
		number := o.take()
		defer o.leave(number)
		return c.JSON(http.StatusOK, number)
	})
	e.GET("/labels", func(c *echo.Context) error {
		return c.String(http.StatusOK, o.label(seq.Next()))
	})
	serve.Run(e)
}
