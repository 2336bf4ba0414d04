// Package seq gives numbers that no request had before: user ids, order numbers and the like.
package seq

import "sync/atomic"

var last atomic.Int64

// Next returns the next number, from 1 on.
func Next() int64 { return last.Add(1) }
