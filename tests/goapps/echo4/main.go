// Command echo4 is a service on Echo v4: a leaky route and its healthy twin, and, where the
// environment asks for it, a middleware that leaks on every route, pprof's included.
package main

import (
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sync"

	"github.com/labstack/echo/v4"
)

// item is 64 bytes, and one object: what is kept for each request.
type item struct {
	next *item
	data [56]byte
}

type keeper struct {
	mutex sync.Mutex
	items *item
}

func main() {
	router := echo.New()
	routes, everywhere := new(keeper), new(keeper)
	if os.Getenv("LEAKS_PPROF") == "leaking router" {
		router.Use(everywhere.middleware)
	}
	router.GET("/healthy", routes.healthy)
	router.GET("/object", routes.object)
	router.GET("/users/:id", routes.user)
	router.GET("/debug/pprof/*", echo.WrapHandler(http.DefaultServeMux))
	log.Fatal(router.Start(os.Getenv("ADDR")))
}

func (k *keeper) healthy(c echo.Context) error {
	one := &item{}
	return c.JSON(http.StatusOK, map[string]int{"size": len(one.data)})
}

func (k *keeper) user(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"id": c.Param("id")})
}

func (k *keeper) object(c echo.Context) error {
	one := &item{} // leaks: object
	k.keep(one)
	return c.NoContent(http.StatusNoContent)
}

func (k *keeper) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		one := &item{} // leaks: middleware
		k.keep(one)
		return next(c)
	}
}

func (k *keeper) keep(one *item) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	one.next, k.items = k.items, one
}
