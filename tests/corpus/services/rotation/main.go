// A log file is opened for each import. Closing it leaves the goroutine that rotates it.
package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"example.com/corpus/shared/serve"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"
)

var file = filepath.Join(os.TempDir(), "corpus-rotation-"+strconv.Itoa(os.Getpid())+".log")

func logger(to *lumberjack.Logger) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(to), zap.InfoLevel))
}

func main() {
	shared := &lumberjack.Logger{Filename: file, MaxSize: 1, MaxBackups: 1}
	log := logger(shared)
	e := echo.New()
	e.GET("/leak", func(c echo.Context) error {
		own := &lumberjack.Logger{Filename: file, MaxSize: 1, MaxBackups: 1}
		defer own.Close()
		logger(own).Info("imported")
		return c.String(http.StatusOK, "imported")
	})
	e.GET("/healthy", func(c echo.Context) error {
		log.Info("imported")
		return c.String(http.StatusOK, "imported")
	})
	serve.Run(e)
}
