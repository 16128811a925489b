package jsonfmt

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// special has the highest bit set of the first of eight bytes that is a quote,
// a backslash or below a space; bytes behind it may be marked without being one.
func special(w uint64) uint64 {
	quote, backslash := w^'"'*ones, w^'\\'*ones
	return ((w-' '*ones)&^w | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

// letters has the second character of the escapes that have only two.
var letters = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

const hexDigits = "0123456789abcdef"

// appendString appends text as a JSON string, and reports whether all of it is
// ASCII. It copies eight bytes at a time into room that it has made before, or
// as many as there are up to one that must be escaped.
func appendString(dst, text []byte) (out []byte, ascii bool) {
	dst = slices.Grow(dst, len(text)+2+8)
	dst = append(dst, '"')
	var seen uint64
	for len(text) > 0 {
		n, w := len(dst), uint64(0)
		size := min(len(text), 8)
		if size == 8 {
			w = binary.LittleEndian.Uint64(text)
		} else {
			w = load(text)
		}
		seen |= w
		binary.LittleEndian.PutUint64(dst[n:n+8], w)
		found := special(w)
		if found == 0 {
			dst, text = dst[:n+size], text[size:]
			continue
		}
		k := bits.TrailingZeros64(found) / 8
		dst = appendEscape(dst[:n+k], text[k])
		text = text[k+1:]
		dst = slices.Grow(dst, len(text)+2+8)
	}
	return append(dst, '"'), seen&highs == 0
}

// load reads fewer than eight bytes, with spaces behind them.
func load(text []byte) uint64 {
	n, spaces := len(text), uint64(' '*ones)
	switch {
	case n >= 4:
		low, high := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[n-4:])
		return uint64(low) | uint64(high)<<(8*(n-4)) | spaces<<(8*n)
	case n >= 2:
		low, high := binary.LittleEndian.Uint16(text), binary.LittleEndian.Uint16(text[n-2:])
		return uint64(low) | uint64(high)<<(8*(n-2)) | spaces<<(8*n)
	default:
		return uint64(text[0]) | spaces<<8
	}
}

func appendEscape(dst []byte, c byte) []byte {
	if letter := letters[c]; letter != 0 {
		return append(dst, '\\', letter)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
