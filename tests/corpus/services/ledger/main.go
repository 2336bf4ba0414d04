// The first row is read, the others and the connection are left behind.
package main

import (
	"database/sql"
	"log"
	"net/http"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
	_ "modernc.org/sqlite"
)

var db *sql.DB

func leak(c echo.Context) error {
	rows, err := db.Query("SELECT name FROM accounts")
	if err != nil {
		return err
	}
	var name string
	if rows.Next() {
		if err := rows.Scan(&name); err != nil {
			return err
		}
	}
	return c.String(http.StatusOK, name)
}

func healthy(c echo.Context) error {
	rows, err := db.Query("SELECT name FROM accounts")
	if err != nil {
		return err
	}
	defer rows.Close()
	var name string
	if rows.Next() {
		if err := rows.Scan(&name); err != nil {
			return err
		}
	}
	return c.String(http.StatusOK, name)
}

func main() {
	var err error
	if db, err = sql.Open("sqlite", "file:ledger?mode=memory&cache=shared"); err != nil {
		log.Fatal(err)
	}
	if _, err = db.Exec("CREATE TABLE accounts (name); INSERT INTO accounts VALUES ('a'), ('b')"); err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.GET("/leak", leak)
	e.GET("/healthy", healthy)
	serve.Run(e)
}
