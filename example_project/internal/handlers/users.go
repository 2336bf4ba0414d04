package handlers

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v5"

	"example.com/notes/internal/store"
)

// Users answers requests about users.
type Users struct {
	store *store.Store
}

// NewUsers returns the handlers of the users in the store.
func NewUsers(store *store.Store) *Users {
	return &Users{store: store}
}

// Get answers with one user.
func (u *Users) Get(c *echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	user, err := u.store.User(c.Request().Context(), id)
	if err != nil {
		return failed(err)
	}
	return c.JSON(http.StatusOK, user)
}

// Add stores a user.
func (u *Users) Add(c *echo.Context) error {
	var user store.User
	if err := c.Bind(&user); err != nil {
		return err
	}
	user, err := u.store.AddUser(c.Request().Context(), user)
	if err != nil {
		return failed(err)
	}
	return c.JSON(http.StatusCreated, user)
}

// idOf returns the id in the request's path.
func idOf(c *echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, echo.NewHTTPError(http.StatusBadRequest, "the id is not a number").Wrap(err)
	}
	return id, nil
}

// failed turns an error of the store into an answer.
func failed(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return echo.NewHTTPError(http.StatusNotFound, "not found").Wrap(err)
	}
	return err
}
