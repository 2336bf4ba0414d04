// A connection is taken out of the pool for a setting of its own, and not given back.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"

	"example.com/corpus/shared/serve"
	_ "modernc.org/sqlite"
)

var db *sql.DB

func count(conn *sql.Conn) (n int, err error) {
	err = conn.QueryRowContext(context.Background(), "SELECT count(*) FROM items").Scan(&n)
	return n, err
}

func leak(w http.ResponseWriter, _ *http.Request) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	n, err := count(conn)
	fmt.Fprintln(w, n, err)
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	n, err := count(conn)
	fmt.Fprintln(w, n, err)
}

func main() {
	var err error
	if db, err = sql.Open("sqlite", "file:stock?mode=memory&cache=shared"); err != nil {
		log.Fatal(err)
	}
	if _, err = db.Exec("CREATE TABLE items (name); INSERT INTO items VALUES ('towel')"); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak", leak)
	mux.HandleFunc("GET /healthy", healthy)
	serve.Run(mux)
}
