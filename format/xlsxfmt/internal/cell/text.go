package cell

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// The tags around a text.
const (
	openText    = `<c t="inlineStr"><is><t>`
	openGuarded = `<c s="2" t="inlineStr"><is><t>` // the style styleText
	openHeading = `<c s="1" t="inlineStr"><is><t>` // the style styleHeader
	spaced      = ` xml:space="preserve">`         // instead of the last >
	closeText   = `</t></is></c>`
)

// guards has the first characters of texts that a spreadsheet would take for a
// formula or a number when somebody edits their cell.
var guards = func() (first [256]bool) {
	for _, c := range "=+-@\t\r\n0123456789" {
		first[c] = true
	}
	return first
}()

// AppendText appends a cell of text.
func AppendText(dst, text []byte) []byte {
	if len(text) > 0 && guards[text[0]] {
		return appendTagged(append(dst, openGuarded...), text)
	}
	return appendTagged(append(dst, openText...), text)
}

// AppendHeading appends a cell of the header.
func AppendHeading(dst, text []byte) []byte {
	return appendTagged(append(dst, openHeading...), text)
}

// appendTagged appends a text behind its tags, and those that close it.
func appendTagged(dst, text []byte) []byte {
	if plain(text) {
		dst = append(dst, text...)
		return append(dst, closeText...)
	}
	if keepsSpace(text) {
		dst = append(dst[:len(dst)-1], spaced...)
	}
	return append(appendEscaped(dst, text), closeText...)
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// zeros has the highest bit set of x's first zero byte; bytes behind it may be
// marked without being zero.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// special is not zero if one of eight bytes may need care: a control character,
// markup, an underscore, or the first byte of U+F000 and above.
func special(x uint64) uint64 {
	controls := (x - 0x20*ones) &^ x & highs
	return controls | zeros(x^'&'*ones) | zeros(x^'<'*ones) | zeros(x^'>'*ones) | zeros(x^'_'*ones) | zeros(x^0xef*ones)
}

// plain reports whether the text can stand as it is. It looks at eight bytes at
// a time, the last time at the last eight.
func plain(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	if len(text) < 8 {
		for _, c := range text {
			if specials[c] {
				return false
			}
		}
		return true
	}
	for i := 0; i+8 < len(text); i += 8 {
		if special(binary.LittleEndian.Uint64(text[i:])) != 0 {
			return false
		}
	}
	return special(binary.LittleEndian.Uint64(text[len(text)-8:])) == 0
}

var specials = func() (all [256]bool) {
	for c := range byte(0x20) {
		all[c] = true
	}
	for _, c := range []byte("&<>_\xef") {
		all[c] = true
	}
	return all
}()

// keepsSpace reports whether the text has white space that a reader of XML may
// drop unless it is told not to.
func keepsSpace(text []byte) bool {
	return text[0] == ' ' || text[len(text)-1] == ' ' || slices.Contains(text, '\n') || slices.Contains(text, '\t')
}

// appendEscaped appends the text between tags. What XML cannot hold becomes the
// standard's _xHHHH_, and so does the underscore of what looks like one.
func appendEscaped(dst, text []byte) []byte {
	from := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !specials[c] || c == '\t' || c == '\n' {
			continue
		}
		var with string
		switch {
		case c == '&':
			with = "&amp;"
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '_':
			if !looksEscaped(text[i+1:]) {
				continue
			}
			with = "_x005F_"
		case c < 0x20:
			dst = append(dst, text[from:i]...)
			dst = append(dst, "_x00"...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15], '_')
			from = i + 1
			continue
		case illegal(text[i:]):
			dst = append(dst, text[from:i]...)
			dst = append(dst, "_xFFF"...)
			dst = append(dst, hexDigits[text[i+2]&15], '_')
			i += 2
			from = i + 1
			continue
		default:
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = append(dst, with...)
		from = i + 1
	}
	return append(dst, text[from:]...)
}

const hexDigits = "0123456789ABCDEF"

// illegal reports whether the text begins with U+FFFE or U+FFFF, which are in
// no XML.
func illegal(text []byte) bool {
	return len(text) >= 3 && text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe
}

// looksEscaped reports whether an underscore and the text behind it would be
// read as _xHHHH_, by readers too that take any letter for a digit. The
// underscore at the end may come from escaping what is there.
func looksEscaped(behind []byte) bool {
	if len(behind) < 6 || behind[0]|0x20 != 'x' {
		return false
	}
	for _, c := range behind[1:5] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	last := behind[5]
	return last == '_' || last < 0x20 && last != '\t' && last != '\n' || illegal(behind[5:])
}

// TooLong reports whether the text has more characters than a cell holds.
func TooLong(text []byte) bool {
	return len(text) > MaxText && utf16Length(text) > MaxText
}

// utf16Length counts in units of UTF-16: a character of four bytes is two.
func utf16Length(text []byte) int {
	n := 0
	for _, c := range text {
		if utf8.RuneStart(c) {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}
