"""Decoding what a Go service serves under /debug/pprof."""
