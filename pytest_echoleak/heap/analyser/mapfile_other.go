//go:build !linux && !darwin

package main

import (
	"errors"
	"os"
)

// mapFile returns a file's contents.
func mapFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err == nil && len(data) == 0 {
		err = errors.New("it is empty")
	}
	return data, err
}

func limitMemory(uint64) {}
