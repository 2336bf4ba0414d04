// A job is scheduled for each newsletter, and stays in the plan when the newsletter is deleted.
package main

import (
	"net/http"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v5"
	"github.com/robfig/cron/v3"
)

func send() {}

func main() {
	plan := cron.New()
	plan.Start()
	e := echo.New()
	e.GET("/leak", func(c *echo.Context) error {
		id, err := plan.AddFunc("@yearly", send)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, id)
	})
	e.GET("/healthy", func(c *echo.Context) error {
		id, err := plan.AddFunc("@yearly", send)
		if err != nil {
			return err
		}
		plan.Remove(id)
		return c.JSON(http.StatusOK, id)
	})
	serve.Run(e)
}
