package txn

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escapeMark begins what stands for a byte that a text of the database cannot
// have. It is a sign for exactly that, which no name has for another reason.
const escapeMark = "\u241b"

// escaped returns the arguments with strings that are texts of the database.
func (tx *Tx) escaped(args []any) []any {
	if !tx.dialect.escapes {
		return args
	}
	own := false
	for i, arg := range args {
		text, ok := arg.(string)
		if !ok || plain(text) {
			continue
		}
		if !own {
			args, own = slices.Clone(args), true
		}
		args[i] = escape(text)
	}
	return args
}

// plain reports whether a string is the text that stands for it, as most are.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.Contains(s, escapeMark)
}

// escape returns the text that stands for a string. Two strings never have the same.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == 0 || r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "%s%02x", escapeMark, s[0])
		case s[:size] == escapeMark:
			b.WriteString(escapeMark + escapeMark)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// unescape returns the string that a text stands for.
func unescape(text string) (string, error) {
	before, rest, found := strings.Cut(text, escapeMark)
	if !found {
		return text, nil
	}
	var b strings.Builder
	for found {
		b.WriteString(before)
		if after, mark := strings.CutPrefix(rest, escapeMark); mark {
			b.WriteString(escapeMark)
			rest = after
		} else {
			v, err := strconv.ParseUint(rest[:min(2, len(rest))], 16, 8)
			if err != nil || len(rest) < 2 {
				return "", errors.New("a text has an escape that stands for no byte")
			}
			b.WriteByte(byte(v))
			rest = rest[2:]
		}
		before, rest, found = strings.Cut(rest, escapeMark)
	}
	b.WriteString(before)
	return b.String(), nil
}

// unescaped returns a row whose texts are strings again.
func (tx *Tx) unescaped(row Scanner) Scanner {
	if !tx.dialect.escapes {
		return row
	}
	return unescapedRow{row}
}

type unescapedRow struct{ row Scanner }

func (u unescapedRow) Scan(dest ...any) error {
	if err := u.row.Scan(dest...); err != nil {
		return err
	}
	for _, d := range dest {
		text, ok := d.(*string)
		if !ok {
			continue
		}
		s, err := unescape(*text)
		if err != nil {
			return err
		}
		*text = s
	}
	return nil
}
