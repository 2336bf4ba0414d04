// Profiles are cached for ever by mistake, where a fifth of a second was meant.
package main

import (
	"net/http"
	"strconv"
	"time"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
	gocache "github.com/patrickmn/go-cache"
)

type profile struct{ name, mail [24]byte }

func main() {
	profiles := gocache.New(200*time.Millisecond, 50*time.Millisecond)
	e := echo.New()
	handle := func(path string, life time.Duration) {
		e.GET(path, func(c echo.Context) error {
			user := "user-" + strconv.FormatInt(1_000_000_000_000+seq.Next(), 10)
			profiles.Set(user, &profile{}, life)
			return c.String(http.StatusOK, user)
		})
	}
	handle("/leak", gocache.NoExpiration)
	handle("/healthy", gocache.DefaultExpiration)
	serve.Run(e)
}
