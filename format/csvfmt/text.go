package csvfmt

import (
	"bytes"
	"encoding/binary"
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
	if t.plain(cell) {
		return append(dst, cell...)
	}
	return appendQuoted(dst, cell)
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

func appendQuoted(dst, cell []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(cell, '"')
		if i < 0 {
			return append(append(dst, cell...), '"')
		}
		dst = append(append(dst, cell[:i+1]...), '"')
		cell = cell[i+1:]
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// zeros has a bit set exactly if one of x's bytes is zero.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// plain reports whether the cell can stand without quotes. It looks at eight
// bytes at a time.
func (t *text) plain(cell []byte) bool {
	rest := cell
	for len(rest) >= 8 {
		w := binary.LittleEndian.Uint64(rest)
		if zeros(w^'"'*ones)|zeros(w^t.every)|zeros(w^'\n'*ones)|zeros(w^'\r'*ones) != 0 {
			return false
		}
		rest = rest[8:]
	}
	for _, c := range rest {
		if c == '"' || c == t.delimiter || c == '\n' || c == '\r' {
			return false
		}
	}
	return len(cell) > 2 || len(cell) > 0 && string(cell) != `\.`
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
	case c == mark, c == '\t', c == '\r', c == '\n':
		return true
	}
	for len(cell) > 0 {
		r, size := utf8.DecodeRune(cell)
		switch {
		case strings.ContainsRune("=+-@＝＋－＠", r):
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
