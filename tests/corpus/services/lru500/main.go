// Healthy: an LRU that is full after 500 users.
package main

import (
	"log"
	"net/http"

	"example.com/corpus/shared/seq"
	"example.com/corpus/shared/serve"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v5"
)

type user struct{ name [40]byte }

func main() {
	users, err := lru.New[int64, *user](500)
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.GET("/healthy", func(c *echo.Context) error {
		users.Add(seq.Next(), &user{})
		return c.JSON(http.StatusOK, users.Len())
	})
	serve.Run(e)
}
