package chunk

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// A dictionary numbers the distinct strings of a column chunk in the order of
// their first appearance. Its data is the body of the dictionary page.
//
// The hash seed differs from run to run; it decides where a string is found,
// never its number, so it leaves no trace in the file.
type dictionary struct {
	data    []byte   // each string behind its length in 4 bytes
	starts  []uint32 // where each string's length begins in data
	slots   []uint32 // open addressing: number + 1, 0 = free; the length is a power of two
	seed    maphash.Seed
	maxSize int // of data
	maxLen  int
}

const (
	minSlots = 256 // of a new hash table
	// minEntry is what a string adds to a dictionary at least, counted for its
	// limit of entries: the hash table of many tiny strings outgrows their data.
	minEntry = 16
)

func newDictionary(maxSize int) *dictionary {
	return &dictionary{seed: maphash.MakeSeed(), slots: make([]uint32, minSlots), maxSize: maxSize, maxLen: maxSize / minEntry}
}

func (d *dictionary) len() int { return len(d.starts) }

// held returns the bytes that the dictionary needs in memory.
func (d *dictionary) held() int { return len(d.data) + 4*len(d.starts) + 4*len(d.slots) }

func (d *dictionary) reset() {
	d.data, d.starts = d.data[:0], d.starts[:0]
	clear(d.slots)
}

// entry returns string number i.
func (d *dictionary) entry(i int32) []byte {
	start := d.starts[i]
	n := binary.LittleEndian.Uint32(d.data[start:])
	return d.data[start+4 : start+4+n]
}

// number returns the number of s and whether s is new; false as the last
// result says that s is new and there is no room for it.
func (d *dictionary) number(s []byte) (n int32, added, ok bool) {
	slot := d.find(s)
	if n := d.slots[slot]; n != 0 {
		return int32(n - 1), false, true
	}
	if len(d.data)+4+len(s) > d.maxSize || len(d.starts) == d.maxLen {
		return 0, false, false
	}
	if 2*(len(d.starts)+1) > len(d.slots) {
		d.grow()
		slot = d.find(s)
	}
	d.starts = append(d.starts, uint32(len(d.data)))
	d.data = appendByteArray(d.data, s)
	d.slots[slot] = uint32(len(d.starts))
	return int32(len(d.starts) - 1), true, true
}

// find returns the slot that holds s, or the free one where it belongs.
func (d *dictionary) find(s []byte) uint64 {
	mask := uint64(len(d.slots) - 1)
	slot := maphash.Bytes(d.seed, s) & mask
	for d.slots[slot] != 0 && !bytes.Equal(d.entry(int32(d.slots[slot]-1)), s) {
		slot = (slot + 1) & mask
	}
	return slot
}

func (d *dictionary) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	for i := range d.starts {
		d.slots[d.find(d.entry(int32(i)))] = uint32(i + 1)
	}
}

// appendByteArray appends s as the PLAIN encoding does: its length, then it.
func appendByteArray(dst, s []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}
