// Package config reads the settings of the service from its environment.
package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Config is everything that differs between a laptop, a test and production.
type Config struct {
	Addr            string        // ADDR, or PORT on every interface: where to listen
	Database        string        // DATABASE: what SQLite opens; in memory unless set
	RatesURL        string        // RATES_URL: the provider of exchange rates; this service's own stub unless set
	PProf           bool          // PPROF: serve net/http/pprof; never on in production
	LogLevel        slog.Level    // LOG_LEVEL: DEBUG, INFO, WARN or ERROR
	ShutdownTimeout time.Duration // SHUTDOWN_TIMEOUT: how long requests in flight may take to finish
}

// FromEnv returns the settings that getenv, such as os.Getenv, knows.
func FromEnv(getenv func(string) string) (Config, error) {
	cfg := Config{
		Addr:     cmp.Or(getenv("ADDR"), ":"+cmp.Or(getenv("PORT"), "8080")),
		Database: cmp.Or(getenv("DATABASE"), "file:/notes?vfs=memdb"),
	}
	_, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return Config{}, fmt.Errorf("ADDR: %w", err)
	}
	cfg.RatesURL = cmp.Or(getenv("RATES_URL"), "http://"+net.JoinHostPort("127.0.0.1", port)+"/stub/rates")
	if cfg.PProf, err = strconv.ParseBool(cmp.Or(getenv("PPROF"), "false")); err != nil {
		return Config{}, fmt.Errorf("PPROF: %w", err)
	}
	if err := cfg.LogLevel.UnmarshalText([]byte(cmp.Or(getenv("LOG_LEVEL"), "INFO"))); err != nil {
		return Config{}, fmt.Errorf("LOG_LEVEL: %w", err)
	}
	if cfg.ShutdownTimeout, err = time.ParseDuration(cmp.Or(getenv("SHUTDOWN_TIMEOUT"), "5s")); err != nil {
		return Config{}, fmt.Errorf("SHUTDOWN_TIMEOUT: %w", err)
	}
	return cfg, nil
}
