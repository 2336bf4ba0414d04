package main

import (
	"fmt"
	"os"
	"time"
)

// clock prints how long each step took where ECHOLEAK_ANALYSER_TIMES is set.
type clock struct {
	last  time.Time
	print bool
}

func newClock() *clock {
	return &clock{time.Now(), os.Getenv("ECHOLEAK_ANALYSER_TIMES") != ""}
}

func (c *clock) mark(what string) {
	if c.print {
		now := time.Now()
		fmt.Fprintf(os.Stderr, "%-12s %7.3f s\n", what, now.Sub(c.last).Seconds())
		c.last = now
	}
}
