package jsonfmt

import "encoding/binary"

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// special finds, in eight bytes at once, quotes, backslashes and bytes below a
// space. It may also find a byte behind one that it has found, never before.
func special(w uint64) uint64 {
	quote, backslash := w^'"'*ones, w^'\\'*ones
	return ((w-' '*ones)&^w | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

// escape[c] is 0 for a byte that stands for itself, 'u' for one that is written
// with four digits, and else the letter of its short form.
var escape = func() (table [256]byte) {
	for c := range ' ' {
		table[c] = 'u'
	}
	for c, letter := range map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'} {
		table[c] = letter
	}
	return table
}()

const hexDigits = "0123456789abcdef"

// appendString appends text, which is UTF-8, as a JSON string.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plain(text)
		dst = append(dst, text[:n]...)
		if n == len(text) {
			return append(dst, '"')
		}
		c := text[n]
		if letter := escape[c]; letter != 'u' {
			dst = append(dst, '\\', letter)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		text = text[n+1:]
	}
}

// plain returns how many bytes at the beginning of text stand for themselves.
func plain(text []byte) int {
	n := 0
	for ; n+8 <= len(text); n += 8 {
		if special(binary.LittleEndian.Uint64(text[n:])) != 0 {
			break
		}
	}
	for n < len(text) && escape[text[n]] == 0 {
		n++
	}
	return n
}
