// Package handlers answers the requests of the notes service.
package handlers

import (
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"example.com/notes/internal/events"
	"example.com/notes/internal/middleware"
	"example.com/notes/internal/rates"
	"example.com/notes/internal/store"
)

// Services are what the handlers need.
type Services struct {
	Logger  *slog.Logger
	Notes   *store.Store
	Archive *store.Archive
	Bus     *events.Bus
	Rates   *rates.Client
}

// NewRouter returns the service's routes.
func NewRouter(s Services) *echo.Echo {
	router := echo.New()
	router.Logger = s.Logger
	router.Use(middleware.Trace(s.Logger), middleware.AccessLog(), echomiddleware.Recover())

	router.GET("/healthz", func(c *echo.Context) error {
		if err := s.Notes.Ping(c.Request().Context()); err != nil {
			return echo.NewHTTPError(http.StatusServiceUnavailable, "no database").Wrap(err)
		}
		return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
	})
	users := NewUsers(s.Notes)
	router.GET("/users/:id", users.Get)
	router.POST("/users", users.Add)
	notes := NewNotes(s.Notes, s.Bus)
	router.GET("/notes", notes.List)
	router.POST("/notes", notes.Add)
	router.GET("/notes/:id", notes.Get)
	router.PUT("/notes/:id", notes.Change)
	router.DELETE("/notes/:id", notes.Delete)
	router.GET("/stub/rates", stubRates)

	addLeaks(router, s)
	return router
}

// addLeaks adds each leak beside its corrected twin: the same feature, with and without the mistake.
func addLeaks(router *echo.Echo, s Services) {
	leaky, fixed := router.Group("/leaky"), router.Group("/fixed")

	leaky.GET("/request", support, middleware.KeepRequests)
	fixed.GET("/request", support, new(middleware.Recent).Keep)
	search := NewSearch([]string{"Engine", "Compiler", "Towel"})
	leaky.GET("/goroutine", search.Leaky)
	fixed.GET("/goroutine", search.Fixed)
	provider := NewProvider(s.Rates)
	leaky.GET("/body", provider.Leaky)
	fixed.GET("/body", provider.Fixed)
	previews := NewPreviews()
	leaky.GET("/cache/:id", previews.Leaky)
	fixed.GET("/cache/:id", previews.Fixed)
	watches := NewWatches(s.Bus)
	leaky.GET("/listener", watches.Leaky)
	fixed.GET("/listener", watches.Fixed)
	exports := NewExports(s.Logger)
	leaky.GET("/ticker", exports.Leaky)
	fixed.GET("/ticker", exports.Fixed)
	drafts := NewDrafts()
	leaky.GET("/map", drafts.Leaky)
	fixed.GET("/map", drafts.Fixed)
	archive := NewArchive(s.Archive)
	leaky.GET("/rows", archive.Leaky)
	fixed.GET("/rows", archive.Fixed)
}

// AddPProf adds Go's profiles to the router.
func AddPProf(router *echo.Echo) {
	profiles := router.Group("/debug/pprof")
	profiles.GET("/*", echo.WrapHandler(http.HandlerFunc(pprof.Index)))
	profiles.GET("/cmdline", echo.WrapHandler(http.HandlerFunc(pprof.Cmdline)))
	profiles.GET("/profile", echo.WrapHandler(http.HandlerFunc(pprof.Profile)))
	profiles.GET("/symbol", echo.WrapHandler(http.HandlerFunc(pprof.Symbol)))
	profiles.GET("/trace", echo.WrapHandler(http.HandlerFunc(pprof.Trace)))
}

func support(c *echo.Context) error {
	return c.String(http.StatusOK, "recorded for support\n")
}
