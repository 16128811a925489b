package statement

import (
	"strconv"
	"strings"
)

// A Statement is SQL in the making, with its arguments in order.
type Statement struct {
	sql  strings.Builder
	args [][]byte
}

// SQL returns the text.
func (s *Statement) SQL() string { return s.sql.String() }

// Args returns the arguments as texts, nil for a null.
func (s *Statement) Args() [][]byte { return s.args }

// Write appends text.
func (s *Statement) Write(parts ...string) {
	for _, p := range parts {
		s.sql.WriteString(p)
	}
}

// Arg appends an argument of a type.
func (s *Statement) Arg(sqlType, text string) { s.arg(sqlType, []byte(text)) }

// Null appends a null of a type.
func (s *Statement) Null(sqlType string) { s.arg(sqlType, nil) }

func (s *Statement) arg(sqlType string, value []byte) {
	s.args = append(s.args, value)
	s.Write("cast($", strconv.Itoa(len(s.args)), " as ", sqlType, ")")
}

// Explain returns the statement that asks for the plan of this one, as JSON.
func (s *Statement) Explain() *Statement {
	st := &Statement{args: s.args}
	st.Write("explain (format json) ", s.SQL())
	return st
}

// AnyOf appends the comparison of an expression with one value or several.
func (s *Statement) AnyOf(expr, sqlType string, values []string) {
	if len(values) == 1 {
		s.Write(expr, " = ")
		s.Arg(sqlType, values[0])
		return
	}
	s.Write(expr, " = any(")
	s.Arg(sqlType+"[]", array(values))
	s.Write(")")
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// array is the text of an array.
func array(values []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + escapes.Replace(v) + `"`)
	}
	b.WriteByte('}')
	return b.String()
}

// Quote returns a name as an identifier.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// QuoteTable quotes "name" or "schema.name".
func QuoteTable(table string) string {
	parts := strings.Split(table, ".")
	for i, p := range parts {
		parts[i] = Quote(p)
	}
	return strings.Join(parts, ".")
}

// NameAt returns the column that SQL refers to at a position, counted in
// characters from 1 as the server does in its errors; "" when it is none.
func NameAt(sql string, position int) string {
	for i := range sql {
		if position--; position == 0 {
			sql = sql[i:]
			break
		}
	}
	rest, ok := strings.CutPrefix(sql, `q."`)
	if !ok || position != 0 {
		return ""
	}
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] != '"':
		case i+1 < len(rest) && rest[i+1] == '"':
			i++
		default:
			return strings.ReplaceAll(rest[:i], `""`, `"`)
		}
	}
	return ""
}
