package dictionary

import (
	"math/bits"
	"math/rand/v2"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/word"
)

// Words is a dictionary of cells of a fixed size.
type Words struct {
	words []word.Word
	slots []uint32 // open addressing: number + 1, 0 = free; the length is a power of two
	width int      // bytes of a word in the page
	seed  word.Word
}

// NewWords returns an empty dictionary of words of that many bytes, without a
// limit: its user sees to that between two pages.
func NewWords(width int) *Words {
	seed := word.Word{Hi: rand.Uint64() | 1, Lo: rand.Uint64()}
	d := &Words{width: width, seed: seed}
	d.Release()
	return d
}

// Len returns the number of values.
func (d *Words) Len() int { return len(d.words) }

// Size returns the length of the page.
func (d *Words) Size() int { return d.width * len(d.words) }

// Held returns the bytes that the dictionary needs in memory.
func (d *Words) Held() int { return 16*len(d.words) + 4*len(d.slots) }

// Page appends the body of the dictionary page to dst.
func (d *Words) Page(dst []byte) []byte {
	for _, w := range d.words {
		dst = w.Append(dst, d.width)
	}
	return dst
}

// Reset empties the dictionary and keeps its memory.
func (d *Words) Reset() {
	d.words = d.words[:0]
	clear(d.slots)
}

// Release empties the dictionary and lets its memory go.
func (d *Words) Release() { d.words, d.slots = nil, make([]uint32, minSlots) }

// Number returns the number of w, which it adds if it is new.
func (d *Words) Number(w word.Word) int32 {
	at := d.hash(w)
	for d.slots[at] != 0 {
		if n := d.slots[at] - 1; d.words[n] == w {
			return int32(n)
		}
		at = (at + 1) & uint64(len(d.slots)-1)
	}
	d.words = append(d.words, w)
	d.slots[at] = uint32(len(d.words))
	if 2*len(d.words) >= len(d.slots) {
		d.grow()
	}
	return int32(len(d.words) - 1)
}

// hash returns the first slot to look at for w.
func (d *Words) hash(w word.Word) uint64 {
	high, low := bits.Mul64(w.Lo^d.seed.Lo, w.Hi^d.seed.Hi)
	return (high ^ low) & uint64(len(d.slots)-1)
}

func (d *Words) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for i, w := range d.words {
		at := d.hash(w)
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = uint32(i + 1)
	}
}
