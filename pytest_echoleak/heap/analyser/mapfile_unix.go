//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"syscall"
)

// mapFile returns a file's contents without reading all of it into memory of our own.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, errors.New("it is no file, or an empty one")
	}
	return syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
}

// limitMemory ends the program where it would use more: a damaged file may ask for anything.
func limitMemory(bytes uint64) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_DATA, &limit) == nil {
		limit.Cur = bytes
		_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit)
	}
}
