// Healthy: what is left to do is done in a goroutine that outlives the response by 300 ms.
package main

import (
	"net/http"
	"runtime"
	"time"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
)

func tidyUp() {
	mail := make([]byte, 512)
	time.Sleep(300 * time.Millisecond)
	mail[0] = 1
	runtime.KeepAlive(mail)
}

func main() {
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		go tidyUp()
		return c.String(http.StatusAccepted, "accepted")
	})
	serve.Run(e)
}
