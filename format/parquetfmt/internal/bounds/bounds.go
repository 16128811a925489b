// Package bounds finds the smallest and the largest value of a column chunk.
package bounds

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/word"
	"github.com/exportyard/exportyard/source"
)

// maxBound is the length in bytes from which the bounds of strings and bytes
// are cut: they are kept in memory until the file ends, and cells can be long.
const maxBound = 64

// Bounds are the smallest and the largest value of a column chunk, in the
// order that the Parquet format gives the type. Readers skip a row group for
// them, so there are none where a reader could draw a wrong conclusion: for
// JSON, and for floating-point numbers with a NaN among them, which databases
// order differently.
type Bounds struct {
	seen           bool // there is a value
	nan            bool
	minInt, maxInt int64
	minF, maxF     float64
	minWord        word.Word // of UUIDs, and of wide decimals with the sign bit flipped
	maxWord        word.Word
	minB, maxB     []byte
	minHead        uint64 // the first 8 bytes of minB, which most values need no more of
	maxHead        uint64
	maxCut         bool // maxB is the beginning of a longer value
}

// Reset forgets all values.
func (b *Bounds) Reset() {
	*b = Bounds{minB: b.minB[:0], maxB: b.maxB[:0]}
}

// AddInts adds integers of any width.
func (b *Bounds) AddInts(xs []int64) {
	if len(xs) == 0 {
		return
	}
	if !b.seen {
		b.seen, b.minInt, b.maxInt = true, xs[0], xs[0]
	}
	lower, upper := b.minInt, b.maxInt
	for _, x := range xs {
		lower, upper = min(lower, x), max(upper, x)
	}
	b.minInt, b.maxInt = lower, upper
}

// AddBool adds a value, of which false is the smaller.
func (b *Bounds) AddBool(x bool) {
	var n int64
	if x {
		n = 1
	}
	if !b.seen {
		b.seen, b.minInt, b.maxInt = true, n, n
	}
	b.minInt, b.maxInt = min(b.minInt, n), max(b.maxInt, n)
}

// AddFloat adds a number, or a NaN, which leaves a chunk without bounds.
func (b *Bounds) AddFloat(x float64) {
	switch {
	case math.IsNaN(x):
		b.nan = true
	case !b.seen:
		b.seen, b.minF, b.maxF = true, x, x
	case x < b.minF:
		b.minF = x
	case x > b.maxF:
		b.maxF = x
	}
}

// SignBit makes the order of signed numbers that of unsigned ones.
const SignBit = 1 << 63

// AddWords adds words, whose high halves are flipped by flip: 0 or [SignBit].
func (b *Bounds) AddWords(words []word.Word, flip uint64) {
	if len(words) == 0 {
		return
	}
	if !b.seen {
		b.seen = true
		b.minWord = word.Word{Hi: words[0].Hi ^ flip, Lo: words[0].Lo}
		b.maxWord = b.minWord
	}
	for _, w := range words {
		w.Hi ^= flip
		if w.Less(b.minWord) {
			b.minWord = w
		} else if b.maxWord.Less(w) {
			b.maxWord = w
		}
	}
}

// AddBytes adds a string or bytes. It compares the beginnings of values: the beginning of the smallest is
// a lower bound of all, and that of the largest becomes an upper bound when it
// is raised in the end.
func (b *Bounds) AddBytes(x []byte) {
	if len(x) >= 8 && b.seen {
		if head := binary.BigEndian.Uint64(x); head > b.minHead && head < b.maxHead {
			return
		}
	}
	cut := len(x) > maxBound
	if cut {
		x = x[:maxBound]
	}
	if !b.seen {
		b.seen, b.maxCut = true, cut
		b.minB, b.maxB = append(b.minB[:0], x...), append(b.maxB[:0], x...)
		b.minHead, b.maxHead = head(x), head(x)
		return
	}
	if bytes.Compare(x, b.minB) < 0 {
		b.minB, b.minHead = append(b.minB[:0], x...), head(x)
	}
	switch c := bytes.Compare(x, b.maxB); {
	case c > 0:
		b.maxB, b.maxHead, b.maxCut = append(b.maxB[:0], x...), head(x), cut
	case c == 0:
		b.maxCut = b.maxCut || cut
	}
}

// head returns the first 8 bytes of x as a number, zeros for those missing.
func head(x []byte) uint64 {
	var first [8]byte
	copy(first[:], x)
	return binary.BigEndian.Uint64(first[:])
}

// Encode returns both bounds of cells of kind k and of that width in bytes as
// statistics hold them, in memory of their own, or nothing.
func (b *Bounds) Encode(k source.Kind, width int) (lower, upper []byte) {
	if !b.seen || k == source.JSON || k == source.Float64 && b.nan {
		return nil, nil
	}
	switch k.Base() {
	case source.Bool:
		return []byte{byte(b.minInt)}, []byte{byte(b.maxInt)}
	case source.Float64:
		return appendFloat(nil, signedZero(b.minF, -1)), appendFloat(nil, signedZero(b.maxF, 1))
	case source.UUID:
		return b.minWord.Append(nil, 16), b.maxWord.Append(nil, 16)
	case source.String:
		return b.encodeCut(wholeRunes, raiseRunes)
	case source.Bytes:
		return b.encodeCut(func(p []byte) []byte { return p }, raiseBytes)
	case source.AnyDecimal:
		if width == 16 {
			b.minWord.Hi, b.maxWord.Hi = b.minWord.Hi^SignBit, b.maxWord.Hi^SignBit
			return b.minWord.Append(nil, 16), b.maxWord.Append(nil, 16)
		}
	}
	return word.AppendInt(nil, uint64(b.minInt), width), word.AppendInt(nil, uint64(b.maxInt), width)
}

// signedZero returns x, and for both zeros the one with the sign of sign: the
// format wants −0 as a lower and +0 as an upper bound, as −0 equals +0.
func signedZero(x, sign float64) float64 {
	if x == 0 {
		return math.Copysign(0, sign)
	}
	return x
}

func (b *Bounds) encodeCut(whole func([]byte) []byte, raise func([]byte) []byte) (lower, upper []byte) {
	upper = append([]byte{}, b.maxB...)
	if b.maxCut {
		if upper = raise(whole(upper)); upper == nil {
			return nil, nil
		}
	}
	lower = append([]byte{}, b.minB...)
	if len(lower) == maxBound { // perhaps cut
		lower = whole(lower)
	}
	return lower, upper
}

// wholeRunes drops an incomplete character at the end of p.
func wholeRunes(p []byte) []byte {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return p[:i]
			}
			break
		}
	}
	return p
}

// raiseRunes returns the smallest UTF-8 text of at most the same number of
// characters that is greater than every text beginning with p; nil when there
// is none.
func raiseRunes(p []byte) []byte {
	for len(p) > 0 {
		r, size := utf8.DecodeLastRune(p)
		p = p[:len(p)-size]
		switch {
		case r == 0xD7FF: // the surrogates are no characters
			return utf8.AppendRune(p, 0xE000)
		case r < utf8.MaxRune:
			return utf8.AppendRune(p, r+1)
		}
	}
	return nil
}

// raiseBytes does the same for bytes.
func raiseBytes(p []byte) []byte {
	for len(p) > 0 {
		last := len(p) - 1
		if p[last] < 0xFF {
			p[last]++
			return p
		}
		p = p[:last]
	}
	return nil
}

func appendFloat(dst []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}
