package chunk

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

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
type bounds struct {
	seen           bool // there is a value
	nan            bool
	minInt, maxInt int64
	minF, maxF     float64
	minWide        source.Int128
	maxWide        source.Int128
	minB, maxB     []byte
	maxCut         bool // maxB is the beginning of a longer value
}

func (b *bounds) reset() {
	*b = bounds{minB: b.minB[:0], maxB: b.maxB[:0]}
}

func (b *bounds) addInt(x int64) {
	if !b.seen {
		b.seen, b.minInt, b.maxInt = true, x, x
		return
	}
	b.minInt, b.maxInt = min(b.minInt, x), max(b.maxInt, x)
}

func (b *bounds) addFloat(x float64) {
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

func (b *bounds) addWide(x source.Int128) {
	switch {
	case !b.seen:
		b.seen, b.minWide, b.maxWide = true, x, x
	case x.Cmp(b.minWide) < 0:
		b.minWide = x
	case x.Cmp(b.maxWide) > 0:
		b.maxWide = x
	}
}

// addBytes compares the beginnings of values: the beginning of the smallest is
// a lower bound of all, and that of the largest becomes an upper bound when it
// is raised in the end.
func (b *bounds) addBytes(x []byte) {
	cut := len(x) > maxBound
	if cut {
		x = x[:maxBound]
	}
	if !b.seen {
		b.seen, b.maxCut = true, cut
		b.minB, b.maxB = append(b.minB[:0], x...), append(b.maxB[:0], x...)
		return
	}
	if bytes.Compare(x, b.minB) < 0 {
		b.minB = append(b.minB[:0], x...)
	}
	switch c := bytes.Compare(x, b.maxB); {
	case c > 0:
		b.maxB, b.maxCut = append(b.maxB[:0], x...), cut
	case c == 0:
		b.maxCut = b.maxCut || cut
	}
}

// encode returns both bounds as statistics hold them, in memory of their own,
// or nothing.
func (b *bounds) encode(k source.Kind) (lower, upper []byte) {
	if !b.seen || k == source.JSON || k == source.Float64 && b.nan {
		return nil, nil
	}
	switch k.Base() {
	case source.Bool:
		return []byte{byte(b.minInt)}, []byte{byte(b.maxInt)}
	case source.Float64:
		return appendFloat(nil, signedZero(b.minF, -1)), appendFloat(nil, signedZero(b.maxF, 1))
	case source.UUID:
		return bytes.Clone(b.minB), bytes.Clone(b.maxB)
	case source.String:
		return b.encodeCut(wholeRunes, raiseRunes)
	case source.Bytes:
		return b.encodeCut(func(p []byte) []byte { return p }, raiseBytes)
	case source.AnyDecimal:
		if k.Precision() > maxPrecision64 {
			return appendWide(nil, b.minWide), appendWide(nil, b.maxWide)
		}
	}
	if _, width := Storage(k); width == 4 {
		return binary.LittleEndian.AppendUint32(nil, uint32(b.minInt)), binary.LittleEndian.AppendUint32(nil, uint32(b.maxInt))
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(b.minInt)), binary.LittleEndian.AppendUint64(nil, uint64(b.maxInt))
}

// signedZero returns x, and for both zeros the one with the sign of sign: the
// format wants −0 as a lower and +0 as an upper bound, as −0 equals +0.
func signedZero(x, sign float64) float64 {
	if x == 0 {
		return math.Copysign(0, sign)
	}
	return x
}

func (b *bounds) encodeCut(whole func([]byte) []byte, raise func([]byte) []byte) (lower, upper []byte) {
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

// appendWide appends x as 16 bytes, the most significant first.
func appendWide(dst []byte, x source.Int128) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(x.Hi)), x.Lo)
}
