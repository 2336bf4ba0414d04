// A chat is written into one buffer, which is never written out.
package main

import (
	"bytes"
	"net/http"
	"sync"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
)

type transcript struct {
	mu     sync.Mutex
	text   bytes.Buffer
	behind int
}

func (t *transcript) say(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.behind > 0 && t.text.Len() > t.behind {
		t.text.Reset()
	}
	t.text.WriteString(line)
	t.text.WriteByte('\n')
}

func main() {
	endless, flushed := &transcript{}, &transcript{behind: 4000}
	e := echo.New()
	handle := func(path string, t *transcript) {
		e.GET(path, func(c echo.Context) error {
			t.say("The answer to the ultimate question is still being computed.")
			return c.NoContent(http.StatusNoContent)
		})
	}
	handle("/leak", endless)
	handle("/healthy", flushed)
	serve.Run(e)
}
