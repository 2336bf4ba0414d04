// Command server runs the notes service.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/labstack/echo/v5"

	"example.com/notes/config"
	"example.com/notes/internal/events"
	"example.com/notes/internal/handlers"
	"example.com/notes/internal/rates"
	"example.com/notes/internal/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("the service ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg, err := config.FromEnv(os.Getenv)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: cfg.LogLevel}))

	notes, err := store.Open(ctx, cfg.Database)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, notes.Close()) }()
	archive, err := store.OpenArchive(ctx)
	if err != nil {
		return fmt.Errorf("open the archive: %w", err)
	}
	defer func() { err = errors.Join(err, archive.Close()) }()

	router := handlers.NewRouter(handlers.Services{
		Logger:  logger,
		Notes:   notes,
		Archive: archive,
		Bus:     events.NewBus(),
		Rates:   rates.NewClient(cfg.RatesURL),
	})
	if cfg.PProf {
		handlers.AddPProf(router)
	}
	return serve(ctx, cfg, logger, router)
}

// serve answers requests until ctx ends, then lets those in flight finish.
func serve(ctx context.Context, cfg config.Config, logger *slog.Logger, router *echo.Echo) error {
	logger.Info("serving", "addr", cfg.Addr, "pprof", cfg.PProf)
	server := echo.StartConfig{
		Address:         cfg.Addr,
		HideBanner:      true,
		HidePort:        true,
		GracefulTimeout: cfg.ShutdownTimeout,
	}
	if err := server.Start(ctx, router); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", cfg.Addr, err)
	}
	logger.Info("stopped")
	return nil
}
