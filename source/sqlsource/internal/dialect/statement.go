package dialect

import (
	"strconv"
	"strings"
)

// A Value is an argument and how it is written: Wrap holds one question mark
// where the placeholder goes.
type Value struct {
	Wrap string
	Arg  any
}

// A Statement is SQL in the making; the arguments come in the order of their
// placeholders.
type Statement struct {
	dialect Dialect
	sql     strings.Builder
	args    []any
}

// New returns an empty statement.
func New(d Dialect) *Statement { return &Statement{dialect: d} }

// SQL returns the text.
func (s *Statement) SQL() string { return s.sql.String() }

// Args returns the arguments.
func (s *Statement) Args() []any { return s.args }

// Write appends text.
func (s *Statement) Write(parts ...string) {
	for _, p := range parts {
		s.sql.WriteString(p)
	}
}

// Value appends an argument.
func (s *Statement) Value(v Value) {
	before, after, _ := strings.Cut(v.Wrap, "?")
	s.args = append(s.args, v.Arg)
	mark := "?"
	if s.dialect == PostgreSQL {
		mark = "$" + strconv.Itoa(len(s.args))
	}
	s.Write(before, mark, after)
}

// Values appends arguments with commas between them.
func (s *Statement) Values(vs []Value) {
	for i, v := range vs {
		if i > 0 {
			s.Write(", ")
		}
		s.Value(v)
	}
}

// Compare appends the comparison of two tuples, in the form that the database's
// indexes serve.
func (s *Statement) Compare(exprs []string, values []Value, sign string) {
	if s.dialect == MySQL {
		s.expanded(exprs, values, sign)
	} else {
		s.rowValues(exprs, values, sign)
	}
}

// rowValues compares tuples, as SQLite and PostgreSQL do by walking an index.
func (s *Statement) rowValues(exprs []string, values []Value, sign string) {
	s.Write("(")
	for j, e := range exprs {
		if j > 0 {
			s.Write(", ")
		}
		s.Write(e)
	}
	s.Write(") ", sign, " (")
	s.Values(values)
	s.Write(")")
}

// expanded compares tuples column by column, for MySQL, which finds a range of
// an index in this form alone: a >= x and (a > x or (a = x and (b > y ...))).
func (s *Statement) expanded(exprs []string, values []Value, sign string) {
	compare := func(j int, sign string) {
		s.Write(exprs[j], " ", sign, " ")
		s.Value(values[j])
	}
	if len(exprs) > 1 {
		compare(0, sign[:1]+"=")
		s.Write(" and ")
	}
	for j := range exprs {
		if j == len(exprs)-1 {
			compare(j, sign)
			break
		}
		s.Write("(")
		compare(j, sign[:1])
		s.Write(" or ")
		compare(j, "=")
		s.Write(" and ")
	}
	for range len(exprs) - 1 {
		s.Write(")")
	}
}
