// Package dictionary numbers the distinct values of a column chunk in the order
// of their first appearance.
//
// The seeds of its hashes differ from run to run, so that nobody can choose values
// that collide; they decide where a value is found, never its number, so they
// leave no trace in the file.
package dictionary

// A Dictionary is a [Texts] or a [Words].
type Dictionary interface {
	// Len returns the number of values.
	Len() int
	// Page appends the body of the dictionary page to dst.
	Page(dst []byte) []byte
	// Size returns the length of the page.
	Size() int
	// Held returns the bytes that the dictionary needs in memory.
	Held() int
	// Reset empties the dictionary and keeps its memory.
	Reset()
	// Release empties the dictionary and lets its memory go.
	Release()
}

var (
	_ Dictionary = (*Texts)(nil)
	_ Dictionary = (*Words)(nil)
)

const (
	minSlots = 256 // of a new hash table
	// minEntry is what a value adds to a dictionary at least, counted for its
	// limit of entries: the hash table of many small values outgrows their data.
	minEntry = 16
)
