// Package store keeps what it should not.
package store

// Entry is 64 bytes.
type Entry [8]uint64

var kept = make([]*Entry, 0, 1<<16)

// Keep keeps one more entry for ever.
func Keep(number uint64) {
	kept = append(kept, &Entry{number})
}

// Kept keeps values of one type.
type Kept[T any] struct{ values []*T }

// Add keeps one more value for ever.
func (k *Kept[T]) Add(value T) {
	k.values = append(k.values, &value)
}
