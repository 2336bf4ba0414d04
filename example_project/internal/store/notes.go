package store

import (
	"context"
	"fmt"
)

// Note is what a user wrote.
type Note struct {
	ID     int64  `json:"id"`
	UserID int64  `json:"user_id"`
	Title  string `json:"title"`
	Body   string `json:"body"`
}

// Notes returns the first notes, by id.
func (s *Store) Notes(ctx context.Context, limit int) ([]Note, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, user_id, title, body FROM notes ORDER BY id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	defer rows.Close()
	notes := []Note{}
	for rows.Next() {
		var note Note
		if err := rows.Scan(&note.ID, &note.UserID, &note.Title, &note.Body); err != nil {
			return nil, fmt.Errorf("read a note: %w", err)
		}
		notes = append(notes, note)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	return notes, nil
}

// Note returns the note with the id, or ErrNotFound.
func (s *Store) Note(ctx context.Context, id int64) (Note, error) {
	note := Note{ID: id}
	row := s.db.QueryRowContext(ctx, `SELECT user_id, title, body FROM notes WHERE id = ?`, id)
	err := row.Scan(&note.UserID, &note.Title, &note.Body)
	return note, found(err, "note", id)
}

// AddNote stores a new note and returns it with its id.
func (s *Store) AddNote(ctx context.Context, note Note) (Note, error) {
	result, err := s.db.ExecContext(ctx,
		`INSERT INTO notes (user_id, title, body) VALUES (?, ?, ?)`, note.UserID, note.Title, note.Body)
	if err != nil {
		return Note{}, fmt.Errorf("add note: %w", err)
	}
	if note.ID, err = result.LastInsertId(); err != nil {
		return Note{}, fmt.Errorf("id of the new note: %w", err)
	}
	return note, nil
}

// ChangeNote stores the title and the body of a note that exists, or returns ErrNotFound.
func (s *Store) ChangeNote(ctx context.Context, note Note) error {
	result, err := s.db.ExecContext(ctx,
		`UPDATE notes SET title = ?, body = ? WHERE id = ?`, note.Title, note.Body, note.ID)
	return changed(result, err, "note", note.ID)
}

// DeleteNote removes a note, or returns ErrNotFound.
func (s *Store) DeleteNote(ctx context.Context, id int64) error {
	result, err := s.db.ExecContext(ctx, `DELETE FROM notes WHERE id = ?`, id)
	return changed(result, err, "note", id)
}
