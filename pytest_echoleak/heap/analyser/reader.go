package main

import (
	"encoding/binary"
	"fmt"
)

// damaged is the panic value of everything that is wrong with a dump: decoding code stays short,
// and main turns it into one sentence.
type damaged struct{ what string }

func fail(format string, values ...any) {
	panic(damaged{fmt.Sprintf(format, values...)})
}

// reader walks over a dump. Every length is checked against what remains before it is used.
type reader struct {
	data []byte
	at   int
}

// number reads one varint of at most 64 bits.
func (r *reader) number() uint64 {
	if r.at < len(r.data) {
		if first := r.data[r.at]; first < 0x80 {
			r.at++
			return uint64(first)
		}
	}
	value, size := binary.Uvarint(r.data[r.at:])
	if size <= 0 {
		fail("it is cut off or damaged: no number stands at byte %d", r.at)
	}
	r.at += size
	return value
}

// span reads a length and skips that many bytes: it returns where they begin and how many they are.
func (r *reader) span() (start int, size int) {
	length := r.number()
	if length > uint64(len(r.data)-r.at) {
		fail("it is cut off or damaged: a block of %d bytes at byte %d reaches beyond its end", length, r.at)
	}
	start = r.at
	r.at += int(length)
	return start, int(length)
}

// fields skips a list of pointer offsets, and returns how many there are. The frame of a function
// without maps may name words outside of it: who reads the list checks them.
func (r *reader) fields() int {
	count := 0
	for {
		kind := r.number()
		if kind == 0 {
			return count
		}
		if kind != 1 {
			fail("a pointer of the unknown kind %d stands at byte %d", kind, r.at)
		}
		r.number()
		count++
	}
}

// word returns the 8 bytes at a place of the dump.
func word(data []byte, at int) uint64 {
	return binary.LittleEndian.Uint64(data[at:])
}
