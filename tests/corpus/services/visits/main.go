// A connection to Redis is taken from the pool for a counter, and never released.
package main

import (
	"context"
	"log"
	"net/http"

	"example.com/corpus/shared/serve"
	"github.com/alicebob/miniredis/v2"
	"github.com/labstack/echo/v5"
	"github.com/redis/go-redis/v9"
)

var client *redis.Client

func leak(c *echo.Context) error {
	conn := client.Conn()
	visits, err := conn.Incr(context.Background(), "visits").Result()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, visits)
}

func healthy(c *echo.Context) error {
	conn := client.Conn()
	defer conn.Close()
	visits, err := conn.Incr(context.Background(), "visits").Result()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, visits)
}

func main() {
	server, err := miniredis.Run()
	if err != nil {
		log.Fatal(err)
	}
	client = redis.NewClient(&redis.Options{
		Addr: server.Addr(), PoolSize: 1 << 20, Protocol: 2, DisableIdentity: true,
		ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10,
	})
	e := echo.New()
	e.GET("/leak", leak)
	e.GET("/healthy", healthy)
	serve.Run(e)
}
