// Package store keeps users and notes in SQLite.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// ErrNotFound is returned where no row has the id that was asked for.
var ErrNotFound = errors.New("not found")

const schema = `
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notes (
	id INTEGER PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	title TEXT NOT NULL,
	body TEXT NOT NULL
);
INSERT OR IGNORE INTO users (id, name) VALUES (1, 'Ada'), (2, 'Grace'), (42, 'Douglas');
INSERT OR IGNORE INTO notes (id, user_id, title, body) VALUES
	(1, 1, 'Engine', 'It weaves algebraic patterns.'),
	(2, 2, 'Compiler', 'They told me computers could only do arithmetic.'),
	(3, 42, 'Towel', 'Know where it is.');
`

// Store is the database of the service.
type Store struct {
	db *sql.DB
}

// Open opens the database that SQLite knows as dsn, and creates its tables.
func Open(ctx context.Context, dsn string) (*Store, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dsn, err)
	}
	db.SetMaxOpenConns(1) // SQLite writes one at a time; a second connection would only wait
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create the tables: %w", err), db.Close())
	}
	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// found turns the driver's "no row" into ErrNotFound, and says what was looked for.
func found(err error, what string, id int64) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s %d: %w", what, id, err)
	}
	return nil
}

// changed is found for statements that change a row.
func changed(result sql.Result, err error, what string, id int64) error {
	if err != nil {
		return found(err, what, id)
	}
	rows, err := result.RowsAffected()
	if err == nil && rows == 0 {
		err = ErrNotFound
	}
	return found(err, what, id)
}
