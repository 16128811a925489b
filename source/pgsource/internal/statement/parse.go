package statement

import (
	"errors"
	"fmt"
	"strings"
)

// A Piece is a run of declared SQL and the parameter behind it.
type Piece struct {
	SQL   string
	Param string // tenant, from, to; empty at the end
}

// Parse cuts a declared query at its parameters. It reads as much of SQL as it
// takes to tell them from literals, quoted names and comments.
func Parse(sql string) ([]Piece, error) {
	sql = strings.TrimRight(sql, " \t\r\n;")
	var pieces []Piece
	start := 0
	for i := 0; i < len(sql); {
		skip := opaque(sql[i:])
		if skip > 0 {
			i += skip
			continue
		}
		rest := sql[i+1:]
		switch c := sql[i]; {
		case c == ';':
			return nil, errors.New("the query holds more than one statement")
		case c == '$' && rest != "" && digit(rest[0]):
			return nil, errors.New("the query holds a placeholder of its own: use :tenant, :from, :to")
		case c != ':':
			i++
			continue
		case strings.HasPrefix(rest, ":"), strings.HasPrefix(rest, "="):
			i += 2
			continue
		}
		n := word(rest)
		if n == 0 || i > 0 && (letter(sql[i-1]) || digit(sql[i-1])) { // the bounds of an array's slice
			i++
			continue
		}
		switch name := rest[:n]; name {
		case "tenant", "from", "to":
			pieces = append(pieces, Piece{SQL: sql[start:i], Param: name})
			i += 1 + n
			start = i
		default:
			return nil, fmt.Errorf("the query holds the parameter :%s: want :tenant, :from or :to", name)
		}
	}
	return append(pieces, Piece{SQL: sql[start:]}), nil
}

// opaque measures the literal, quoted name, comment or word that sql begins
// with; 0 when it begins with none. What does not end goes to the end.
func opaque(sql string) int {
	switch c := sql[0]; {
	case c == '\'', c == '"':
		return quoted(sql, c, false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(sql[1:], "'"):
		return 1 + quoted(sql[1:], '\'', true)
	case strings.HasPrefix(sql, "--"):
		line, _, _ := strings.Cut(sql, "\n")
		return len(line)
	case strings.HasPrefix(sql, "/*"):
		return comment(sql)
	case c == '$':
		return dollars(sql)
	case letter(c):
		return word(sql) // whole, so that no letter of it is taken for a prefix
	}
	return 0
}

func quoted(sql string, mark byte, backslash bool) int {
	for i := 1; i < len(sql); i++ {
		switch {
		case backslash && sql[i] == '\\':
			i++
		case sql[i] == mark && i+1 < len(sql) && sql[i+1] == mark:
			i++
		case sql[i] == mark:
			return i + 1
		}
	}
	return len(sql)
}

// comment measures a comment, which may hold others.
func comment(sql string) int {
	for i, depth := 0, 0; i < len(sql); i++ {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(sql[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(sql)
}

// dollars measures $tag$ … $tag$.
func dollars(sql string) int {
	tag := 1
	if tag < len(sql) && letter(sql[tag]) {
		tag += word(sql[tag:])
	}
	if tag >= len(sql) || sql[tag] != '$' {
		return 0
	}
	mark := sql[:tag+1]
	if end := strings.Index(sql[len(mark):], mark); end >= 0 {
		return end + 2*len(mark)
	}
	return len(sql)
}

// word measures the letters and digits that s begins with, a letter first.
func word(s string) int {
	n := 0
	for n < len(s) && (letter(s[n]) || n > 0 && digit(s[n])) {
		n++
	}
	return n
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
