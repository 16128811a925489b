package dialect

import (
	"fmt"
	"strings"
)

// A Piece is a run of declared SQL and the parameter behind it, if any.
type Piece struct {
	SQL   string
	Param string // tenant, from, to, or empty at the end
}

// Parse cuts a declared query at its parameters. It knows the dialect's
// literals, quoted names and comments well enough to look past them.
func (d Dialect) Parse(sql string) ([]Piece, error) {
	var pieces []Piece
	start := 0
	end := len(strings.TrimRight(sql, " \t\r\n;"))
	for i := 0; i < end; {
		if n := opaque(d, sql[i:end]); n > 0 {
			i += n
			continue
		}
		switch c := sql[i]; {
		case c == ';':
			return nil, fmt.Errorf("the query holds more than one statement")
		case c == '?' && d != PostgreSQL:
			return nil, fmt.Errorf("the query holds a placeholder of its own: use :tenant, :from, :to")
		case c == '$' && d == PostgreSQL && i+1 < end && digit(sql[i+1]):
			return nil, fmt.Errorf("the query holds a placeholder of its own: use :tenant, :from, :to")
		case c == ':' && i+1 < end && (sql[i+1] == ':' || sql[i+1] == '='):
			i += 2
		case c == ':' && i+1 < end && letter(sql[i+1]) && (i == 0 || !letter(sql[i-1]) && !digit(sql[i-1])):
			n := i + 1
			for n < end && (letter(sql[n]) || digit(sql[n])) {
				n++
			}
			name := sql[i+1 : n]
			if name != "tenant" && name != "from" && name != "to" {
				return nil, fmt.Errorf("the query holds the parameter :%s: want :tenant, :from or :to", name)
			}
			pieces = append(pieces, Piece{sql[start:i], name})
			i, start = n, n
		default:
			i++
		}
	}
	return append(pieces, Piece{SQL: sql[start:end]}), nil
}

// opaque returns the length of the literal, quoted name or comment that sql
// begins with, 0 when it begins with none. One that does not end runs to the end.
func opaque(d Dialect, sql string) int {
	switch c := sql[0]; {
	case c == '\'':
		return quoted(sql, '\'', d == MySQL)
	case c == '"':
		return quoted(sql, '"', d == MySQL)
	case c == '`' && d != PostgreSQL:
		return quoted(sql, '`', false)
	case c == '[' && d == SQLite:
		return quoted(sql, ']', false)
	case (c == 'e' || c == 'E') && d == PostgreSQL && len(sql) > 1 && sql[1] == '\'':
		return 1 + quoted(sql[1:], '\'', true)
	case strings.HasPrefix(sql, "--"), c == '#' && d == MySQL:
		if n := strings.IndexByte(sql, '\n'); n >= 0 {
			return n
		}
		return len(sql)
	case strings.HasPrefix(sql, "/*"):
		return comment(sql, d == PostgreSQL)
	case c == '$' && d == PostgreSQL:
		return dollarQuoted(sql)
	case letter(c):
		// A whole word, so that the e of "name'..." is not taken for a prefix.
		n := 1
		for n < len(sql) && (letter(sql[n]) || digit(sql[n]) || sql[n] == '$') {
			n++
		}
		return n
	}
	return 0
}

func quoted(sql string, mark byte, backslash bool) int {
	for i := 1; i < len(sql); i++ {
		switch {
		case backslash && sql[i] == '\\':
			i++
		case sql[i] == mark:
			if i+1 < len(sql) && sql[i+1] == mark && mark != ']' {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(sql)
}

func comment(sql string, nested bool) int {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch {
		case sql[i] == '/' && sql[i+1] == '*' && (nested || depth == 0):
			depth++
			i++
		case sql[i] == '*' && sql[i+1] == '/':
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(sql)
}

// dollarQuoted measures $tag$ ... $tag$.
func dollarQuoted(sql string) int {
	n := 1
	for n < len(sql) && (letter(sql[n]) || n > 1 && digit(sql[n])) {
		n++
	}
	if n == len(sql) || sql[n] != '$' {
		return 0
	}
	tag := sql[:n+1]
	if end := strings.Index(sql[n+1:], tag); end >= 0 {
		return n + 1 + end + len(tag)
	}
	return len(sql)
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
