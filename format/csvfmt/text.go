package csvfmt

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	bom  = "\ufeff"
	mark = '\''
)

// text appends cells of text.
type text struct {
	delimiter byte
	guarded   bool
	every     uint64 // the delimiter in all eight bytes
}

func newText(delimiter byte, guarded bool) text {
	return text{delimiter: delimiter, guarded: guarded, every: ones * uint64(delimiter)}
}

func (t *text) append(dst, cell []byte) []byte {
	if t.guarded && needsGuard(cell) {
		return t.appendGuarded(dst, cell)
	}
	if len(cell) < 8 || len(cell) > shortSize {
		if t.plain(cell) {
			return append(dst, cell...)
		}
		return appendQuoted(dst, cell)
	}
	return t.appendShort(dst, cell)
}

// shortSize is the longest cell that is looked at and copied in one go.
const shortSize = 64

// appendShort copies a cell of eight bytes and more while it looks whether it
// can stand without quotes, and begins again where it cannot.
func (t *text) appendShort(dst, cell []byte) []byte {
	from := len(dst)
	dst = slices.Grow(dst, len(cell))[:from+len(cell)]
	out, last := dst[from:], len(cell)-8
	for i := 0; i < last; i += 8 {
		w := binary.LittleEndian.Uint64(cell[i:])
		if t.breaks(w) {
			return appendQuoted(dst[:from], cell)
		}
		binary.LittleEndian.PutUint64(out[i:], w)
	}
	w := binary.LittleEndian.Uint64(cell[last:])
	if t.breaks(w) {
		return appendQuoted(dst[:from], cell)
	}
	binary.LittleEndian.PutUint64(out[last:], w)
	return dst
}

func (t *text) appendGuarded(dst, cell []byte) []byte {
	if t.plain(cell) {
		return append(append(dst, mark), cell...)
	}
	from := len(dst)
	dst = appendQuoted(append(dst, '"'), cell)
	dst[from+1] = mark // over the quote that appendQuoted began with
	return dst
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	// pieceSize bounds the room that appendQuoted asks for ahead.
	pieceSize = 4096
)

// zeros has the highest bit set of x's first zero byte; bytes behind it may be
// marked without being zero.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// everyZero has the highest bit set of each zero byte of x and no other.
func everyZero(x uint64) uint64 { return ^((x&^highs + ^uint64(highs)) | x) & highs }

// appendQuoted appends the cell between quotes and doubles those within. It
// takes eight bytes at a time, and writes them, or as many as there are up to a
// quote, into room that it has made before.
func appendQuoted(dst, cell []byte) []byte {
	dst = append(dst, '"')
	for len(cell) > 0 {
		piece := cell[:min(len(cell), pieceSize)]
		cell = cell[len(piece):]
		n := len(dst)
		dst = slices.Grow(dst, 2*len(piece)+8)
		out := dst[:cap(dst)]
		for ; len(piece) >= 8; piece = piece[8:] {
			w, left := binary.LittleEndian.Uint64(piece), 8
			for quotes := everyZero(w ^ '"'*ones); quotes != 0; {
				k := bits.TrailingZeros64(quotes)/8 + 1
				binary.LittleEndian.PutUint64(out[n:], w)
				out[n+k] = '"'
				n, left = n+k+1, left-k
				w, quotes = w>>(8*k), quotes>>(8*k)
			}
			binary.LittleEndian.PutUint64(out[n:], w)
			n += left
		}
		for _, c := range piece {
			if c == '"' {
				out[n] = '"'
				n++
			}
			out[n] = c
			n++
		}
		dst = out[:n]
	}
	return append(dst, '"')
}

// plain reports whether the cell can stand without quotes. It looks at eight
// bytes at a time, the last time at the last eight.
func (t *text) plain(cell []byte) bool {
	if len(cell) < 8 {
		for _, c := range cell {
			if c == '"' || c == t.delimiter || c == '\n' || c == '\r' {
				return false
			}
		}
		return len(cell) > 2 || len(cell) > 0 && string(cell) != `\.`
	}
	for i := 0; i+8 < len(cell); i += 8 {
		if t.breaks(binary.LittleEndian.Uint64(cell[i:])) {
			return false
		}
	}
	return !t.breaks(binary.LittleEndian.Uint64(cell[len(cell)-8:]))
}

// breaks reports whether one of eight bytes is a quote, the delimiter, CR or LF.
func (t *text) breaks(w uint64) bool {
	return zeros(w^'"'*ones)|zeros(w^t.every)|zeros(w^'\n'*ones)|zeros(w^'\r'*ones) != 0
}

// needsGuard reports whether a spreadsheet could take the text for a formula,
// or its first character for the mark.
func needsGuard(cell []byte) bool {
	if len(cell) == 0 {
		return false
	}
	switch c := cell[0]; {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	case c == mark:
		return true
	}
	for len(cell) > 0 {
		r, size := utf8.DecodeRune(cell)
		switch {
		case strings.ContainsRune("=+-@\t\r\n＝＋－＠", r):
			return true
		case !passedOver(r):
			return false
		}
		cell = cell[size:]
	}
	return false
}

// passedOver reports whether a formula may begin behind r: white space, what
// does not show, quotes and delimiters.
func passedOver(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"',;|`, r)
}

// Unguard gives back the text that a cell of the [Excel] profile was made of.
// It changes nothing else than a guarded text, so that it can be applied to
// every cell.
func Unguard(cell string) string {
	return strings.TrimPrefix(cell, string(mark))
}
