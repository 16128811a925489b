package dictionary

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// Texts is a dictionary of strings or bytes.
type Texts struct {
	data    []byte // each text behind its length in 4 bytes: the page
	entries []textEntry
	slots   []textSlot // open addressing; the length is a power of two
	seed    maphash.Seed
	maxSize int // of data
	maxLen  int
}

// A textEntry says where a text is in data.
type textEntry struct{ start, length uint32 }

// A textSlot is free when its number is 0, otherwise that is one more than the
// number of the text.
type textSlot struct{ hash, number uint32 }

// NewTexts returns an empty dictionary whose page has at most maxSize bytes.
func NewTexts(maxSize int) *Texts {
	d := &Texts{seed: maphash.MakeSeed(), maxSize: maxSize, maxLen: maxSize / minEntry}
	d.Release()
	return d
}

// Len returns the number of values.
func (d *Texts) Len() int { return len(d.entries) }

// Page appends the body of the dictionary page to dst.
func (d *Texts) Page(dst []byte) []byte { return append(dst, d.data...) }

// Size returns the length of the page.
func (d *Texts) Size() int { return len(d.data) }

// Held returns the bytes that the dictionary needs in memory.
func (d *Texts) Held() int { return len(d.data) + 8*len(d.entries) + 8*len(d.slots) }

// Reset empties the dictionary and keeps its memory.
func (d *Texts) Reset() {
	d.data, d.entries = d.data[:0], d.entries[:0]
	clear(d.slots)
}

// Release empties the dictionary and lets its memory go.
func (d *Texts) Release() {
	d.data, d.entries, d.slots = nil, nil, make([]textSlot, minSlots)
}

// Number returns the number of s and whether s is new; false as the last
// result says that s is new and there is no room for it.
func (d *Texts) Number(s []byte) (n int32, added, ok bool) {
	hash := uint32(maphash.Bytes(d.seed, s))
	mask := uint32(len(d.slots) - 1)
	at := hash & mask
	for d.slots[at].number != 0 {
		if slot := d.slots[at]; slot.hash == hash {
			e := d.entries[slot.number-1]
			if int(e.length) == len(s) && bytes.Equal(d.data[e.start:e.start+e.length], s) {
				return int32(slot.number - 1), false, true
			}
		}
		at = (at + 1) & mask
	}
	if len(d.data)+4+len(s) > d.maxSize || len(d.entries) == d.maxLen {
		return 0, false, false
	}
	d.data = append(binary.LittleEndian.AppendUint32(d.data, uint32(len(s))), s...)
	d.entries = append(d.entries, textEntry{start: uint32(len(d.data) - len(s)), length: uint32(len(s))})
	d.slots[at] = textSlot{hash: hash, number: uint32(len(d.entries))}
	if 2*len(d.entries) >= len(d.slots) {
		d.grow()
	}
	return int32(len(d.entries) - 1), true, true
}

func (d *Texts) grow() {
	old := d.slots
	d.slots = make([]textSlot, 2*len(old))
	mask := uint32(len(d.slots) - 1)
	for _, slot := range old {
		if slot.number == 0 {
			continue
		}
		at := slot.hash & mask
		for d.slots[at].number != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = slot
	}
}
