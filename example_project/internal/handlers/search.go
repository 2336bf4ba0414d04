package handlers

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v5"
)

// Search looks for a title in two replicas of the index, and takes the answer that comes first.
type Search struct {
	replicas [2][]string
}

// NewSearch returns the search in these titles.
func NewSearch(titles []string) *Search {
	return &Search{replicas: [2][]string{titles, titles}}
}

// Leaky answers with the first title found.
//
// Wrong: one answer is received, two are sent. The slower replica's goroutine waits for ever for
// somebody to take its answer.
func (s *Search) Leaky(c *echo.Context) error {
	answers := make(chan string)
	for _, titles := range s.replicas {
		go func() {
			answers <- find(titles, "e") // leak: goroutine
		}()
	}
	return c.JSON(http.StatusOK, <-answers)
}

// Fixed answers with the first title found.
//
// Mended: the channel has room for every answer, so that no sender ever waits.
func (s *Search) Fixed(c *echo.Context) error {
	answers := make(chan string, len(s.replicas))
	for _, titles := range s.replicas {
		go func() {
			answers <- find(titles, "e")
		}()
	}
	return c.JSON(http.StatusOK, <-answers)
}

func find(titles []string, part string) string {
	for _, title := range titles {
		if strings.Contains(title, part) {
			return title
		}
	}
	return ""
}
