// Healthy: each connection of the pool prepares the statement for itself, when it first gets it.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"

	"example.com/corpus/shared/serve"
	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", "file:statements?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(6)
	db.SetMaxIdleConns(6)
	if _, err = db.Exec("CREATE TABLE towels (owner); INSERT INTO towels VALUES ('Ford')"); err != nil {
		log.Fatal(err)
	}
	owners, err := db.Prepare("SELECT owner FROM towels WHERE owner = ?")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		var owner string
		if err := owners.QueryRow("Ford").Scan(&owner); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, owner)
	})
	serve.Run(mux)
}
