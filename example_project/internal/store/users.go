package store

import (
	"context"
	"fmt"
)

// User is somebody who writes notes.
type User struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// User returns the user with the id, or ErrNotFound.
func (s *Store) User(ctx context.Context, id int64) (User, error) {
	user := User{ID: id}
	err := s.db.QueryRowContext(ctx, `SELECT name FROM users WHERE id = ?`, id).Scan(&user.Name)
	return user, found(err, "user", id)
}

// AddUser stores a new user and returns it with its id.
func (s *Store) AddUser(ctx context.Context, user User) (User, error) {
	result, err := s.db.ExecContext(ctx, `INSERT INTO users (name) VALUES (?)`, user.Name)
	if err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	if user.ID, err = result.LastInsertId(); err != nil {
		return User{}, fmt.Errorf("id of the new user: %w", err)
	}
	return user, nil
}
