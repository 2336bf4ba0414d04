package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const archived = `
CREATE TABLE archive (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
INSERT INTO archive (title) VALUES ('Abacus'), ('Slide rule'), ('Punched card'), ('Core memory');
`

// Archive holds the notes of former years. A SQLite database in memory belongs to its connection,
// so the archive takes one connection and keeps it.
type Archive struct {
	ctx  context.Context // the service's
	stop context.CancelFunc
	db   *sql.DB
	conn *sql.Conn
}

// OpenArchive loads the archive. It is usable until ctx ends.
func OpenArchive(ctx context.Context) (*Archive, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the archive: %w", err), db.Close())
	}
	if _, err := conn.ExecContext(ctx, archived); err != nil {
		return nil, errors.Join(fmt.Errorf("load the archive: %w", err), conn.Close(), db.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	return &Archive{ctx: ctx, stop: stop, db: db, conn: conn}, nil
}

// Close ends the queries that still run, then closes the archive.
func (a *Archive) Close() error {
	a.stop()
	return errors.Join(a.conn.Close(), a.db.Close())
}

const oldest = `SELECT title FROM archive ORDER BY id`

// OldestLeaky returns the title of the oldest note.
//
// Wrong: after the first row nobody reads on, so the rows never end by themselves, and nobody
// closes them. With the request's context they would end with the request; this one is the
// service's, "so that a client that hangs up does not disturb the query".
func (a *Archive) OldestLeaky() (title string, err error) {
	rows, err := a.conn.QueryContext(a.ctx, oldest) // leak: rows
	if err != nil {
		return "", fmt.Errorf("query the archive: %w", err)
	}
	return firstTitle(rows)
}

// Oldest returns the title of the oldest note.
//
// Mended: the rows are closed on every way out, and end with the request at the latest.
func (a *Archive) Oldest(ctx context.Context) (title string, err error) {
	rows, err := a.conn.QueryContext(ctx, oldest)
	if err != nil {
		return "", fmt.Errorf("query the archive: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return firstTitle(rows)
}

func firstTitle(rows *sql.Rows) (title string, err error) {
	if !rows.Next() {
		return "", fmt.Errorf("the archive is empty: %w", errors.Join(ErrNotFound, rows.Err()))
	}
	if err := rows.Scan(&title); err != nil {
		return "", fmt.Errorf("read a title: %w", err)
	}
	return title, nil
}
