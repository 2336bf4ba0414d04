// Healthy: buffers from a pool, several requests at once.
package main

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 4096)) }}

func main() {
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		buffer := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buffer)
		buffer.Reset()
		for range 100 {
			buffer.WriteString("mostly harmless ")
		}
		time.Sleep(time.Millisecond)
		return c.Blob(http.StatusOK, "text/plain", buffer.Bytes())
	})
	serve.Run(e)
}
