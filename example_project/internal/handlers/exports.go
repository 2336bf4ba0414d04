package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v5"
)

// Exports writes notes as CSV, and says in the log that it is still at work.
type Exports struct {
	logger *slog.Logger
}

// NewExports returns the handlers that log there.
func NewExports(logger *slog.Logger) *Exports {
	return &Exports{logger: logger}
}

// Leaky answers with the export.
//
// Wrong: nothing ends the goroutine. Long after the export is done it logs once a minute.
func (x *Exports) Leaky(c *echo.Context) error {
	go func() {
		ticker := time.NewTicker(time.Minute)
		for range ticker.C { // leak: ticker
			x.logger.Info("the export is still running")
		}
	}()
	return c.Blob(http.StatusOK, "text/csv", export())
}

// Fixed answers with the export.
//
// Mended: the ticker is stopped, and its goroutine has ended when the handler returns.
func (x *Exports) Fixed(c *echo.Context) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	var progress sync.WaitGroup
	progress.Go(func() { x.report(ctx) })
	defer progress.Wait()
	defer cancel()
	return c.Blob(http.StatusOK, "text/csv", export())
}

func (x *Exports) report(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			x.logger.InfoContext(ctx, "the export is still running")
		}
	}
}

func export() []byte {
	return []byte("id,title\n1,Engine\n2,Compiler\n3,Towel\n")
}
