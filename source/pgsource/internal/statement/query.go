package statement

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Query is a table's query as one session sees it: Columns holds those of the
// table's columns that it needs, by their index.
type Query struct {
	*Table
	source.Query
	Columns map[int]Column
	// Stored says that rows without a key are read as they lie in the table,
	// instead of sorted by all that is asked for.
	Stored bool
}

// Needs returns the indexes of the columns that the query asks for or goes by.
func (t *Table) Needs(q source.Query) ([]int, error) {
	var out []int
	names := slices.Concat(q.Columns, q.Guard, t.Key, []string{t.Tenant, t.Time, t.Subject})
	for _, f := range q.Filters {
		names = append(names, f.Column)
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		i := t.Schema.Index(name)
		if i < 0 {
			return nil, fmt.Errorf("pgsource: dataset %q has no column %q", t.Name, name)
		}
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out, nil
}

// Describe is the statement whose result has the columns' types.
func (t *Table) Describe(q source.Query, columns []int) *Statement {
	st := new(Statement)
	st.Write("select ")
	for j, i := range columns {
		if j > 0 {
			st.Write(", ")
		}
		st.Write("q.", Quote(t.Schema[i].Name))
	}
	st.Write(" from ")
	t.from(st, q)
	st.Write(" where false")
	return st
}

func (q *Query) column(name string) *Column {
	c := q.Columns[q.Schema.Index(name)]
	return &c
}

// Selected returns the columns that the query reads, in order.
func (q *Query) Selected() []Column {
	var columns []Column
	for _, name := range slices.Concat(q.Query.Columns, q.Guard) {
		columns = append(columns, *q.column(name))
	}
	return columns
}

// Rows returns the statement that reads the query.
func (q *Query) Rows() (*Statement, error) {
	columns := q.Selected()
	if len(columns) == 0 {
		return nil, fmt.Errorf("pgsource: dataset %q: the query asks for no column", q.Name)
	}
	st, err := q.selecting(columns)
	if err != nil {
		return nil, err
	}
	order := q.keyOrder()
	if len(q.Key) == 0 && !q.Stored {
		for _, c := range columns {
			order = append(order, c.sort)
		}
	}
	if len(order) > 0 {
		st.Write(" order by ", strings.Join(order, ", "))
	}
	return st, nil
}

// Range returns the statement that reads those rows of a stored query that lie in
// some of the table's blocks. It is the same for every range; which one it is, its
// last two arguments say, see [Statement.Within].
func (q *Query) Range() (*Statement, error) {
	st, err := q.Rows()
	if err != nil {
		return nil, err
	}
	st.Write(" and q.ctid >= ")
	st.Arg("tid", tid(0))
	st.Write(" and q.ctid < ")
	st.Arg("tid", tid(endless))
	return st, nil
}

// endless is a block that no table has.
const endless = math.MaxUint32

// Within makes the statement, of [Query.Range], read the blocks first ≤ block < end;
// a negative end is none.
func (s *Statement) Within(first, end int64) {
	if end < 0 {
		end = endless
	}
	bounds := s.args[len(s.args)-2:]
	bounds[0], bounds[1] = []byte(tid(first)), []byte(tid(end))
}

// tid is where a block begins.
func tid(block int64) string { return "(" + strconv.FormatInt(block, 10) + ",0)" }

// selecting is the statement without an order.
func (q *Query) selecting(columns []Column) (*Statement, error) {
	st := new(Statement)
	st.Write("select ")
	for j, c := range columns {
		if j > 0 {
			st.Write(", ")
		}
		st.Write(c.Read)
	}
	return st, q.fromWhere(st)
}

func (q *Query) fromWhere(st *Statement) error {
	st.Write(" from ")
	q.from(st, q.Query)
	return q.where(st)
}

// Count returns the statement whose row is the number of rows, and behind it how
// many of them have each column of the key.
func (q *Query) Count(keys bool) (*Statement, error) {
	st := new(Statement)
	st.Write("select count(*)")
	for _, name := range q.Key {
		if keys {
			st.Write(", count(", q.column(name).Expr, ")")
		}
	}
	return st, q.fromWhere(st)
}

// Split returns the statement that gives the key of every so many-th row up to
// the last one before the end.
func (q *Query) Split(every, total int64) (*Statement, []Column, error) {
	var columns []Column
	st := new(Statement)
	st.Write("select ")
	for j, name := range q.Key {
		columns = append(columns, *q.column(name))
		st.Write(map[bool]string{true: ", "}[j > 0], "c", strconv.Itoa(j))
	}
	st.Write(" from (select ")
	for j, c := range columns {
		st.Write(c.Read, " as c", strconv.Itoa(j), ", ")
	}
	st.Write("row_number() over (order by ", strings.Join(q.keyOrder(), ", "), ") as n")
	if err := q.fromWhere(st); err != nil {
		return nil, nil, err
	}
	st.Write(") as numbered where n % ")
	st.Arg("bigint", strconv.FormatInt(every, 10))
	st.Write(" = 0 and n < ")
	st.Arg("bigint", strconv.FormatInt(total, 10))
	st.Write(" order by n")
	return st, columns, nil
}

// Span returns the statement that gives the least and the greatest time.
func (q *Query) Span() (*Statement, []Column, error) {
	c := *q.column(q.Time)
	first, last := c, c
	first.Read, last.Read = "min("+c.Read+")", "max("+c.Read+")"
	columns := []Column{first, last}
	st, err := q.selecting(columns)
	return st, columns, err
}

// keyOrder returns the expressions of the key, the same that bounds compare with.
func (q *Query) keyOrder() []string {
	var out []string
	for _, name := range q.Key {
		out = append(out, q.keyExpr(name))
	}
	return out
}

func (q *Query) keyExpr(name string) string {
	c := q.column(name)
	if q.KeepCollation && c.own != "" {
		return c.own
	}
	return c.Expr
}

// where writes the conditions of the query.
func (q *Query) where(st *Statement) error {
	st.Write(" where true")
	if q.Table.Tenant != "" {
		q.equals(st, q.Table.Tenant, q.Query.Tenant)
	}
	if err := q.period(st); err != nil {
		return err
	}
	for _, f := range q.Filters {
		if err := q.filter(st, f); err != nil {
			return err
		}
	}
	switch {
	case q.Query.Subject == "":
	case q.Table.Subject == "":
		return q.lacks("subject column")
	default:
		q.equals(st, q.Table.Subject, q.Query.Subject)
	}
	if err := q.bound(st, q.After, ">"); err != nil {
		return err
	}
	return q.bound(st, q.UpTo, "<=")
}

func (q *Query) lacks(what string) error {
	return fmt.Errorf("pgsource: dataset %q has no %s: %w", q.Name, what, source.ErrUnsupported)
}

// equals writes the condition that a column has exactly that text.
func (q *Query) equals(st *Statement, name, text string) {
	v, exact := q.cell(q.Schema.Index(name), text)
	if !exact {
		st.Write(" and false")
		return
	}
	c := q.column(name)
	st.Write(" and ")
	c.among(st, []string{c.Value(v)})
}

// among writes the condition that the column has one of the values.
func (c *Column) among(st *Statement, values []string) {
	if c.Like != "" {
		st.AnyOf(c.Like, c.Type, values)
		st.Write(" and ")
	}
	st.AnyOf(c.Expr, c.Type, values)
}

// filter writes the condition that a column has one of the filter's values.
func (q *Query) filter(st *Statement, f source.Filter) error {
	i, c := q.Schema.Index(f.Column), q.column(f.Column)
	values := make([]string, 0, len(f.In))
	for _, text := range f.In {
		v, _ := q.cell(i, text)
		switch {
		case v.Len() > 0:
			values = append(values, c.Value(v))
		case strings.ContainsRune(text, 0): // no value of the database
		default:
			return fmt.Errorf("pgsource: dataset %q, column %q: a filter value is no %v", q.Name, f.Column, c.Field.Kind)
		}
	}
	st.Write(" and (")
	switch {
	case len(values) > 0:
		c.among(st, values)
	default:
		st.Write("false")
	}
	if f.Null {
		st.Write(" or q.", Quote(f.Column), " is null")
	}
	st.Write(")")
	return nil
}

// period writes the bounds in time.
func (q *Query) period(st *Statement) error {
	if !q.NullTime && q.From.IsZero() && q.To.IsZero() {
		return nil
	}
	if q.Table.Time == "" {
		return q.lacks("time column")
	}
	c := q.column(q.Table.Time)
	if q.NullTime {
		st.Write(" and ", c.Expr, " is null")
		return nil
	}
	sqlType := c.Type
	if c.Field.Kind == source.Date {
		sqlType = "timestamp" // a day is compared as its midnight
	}
	bound := func(t time.Time, sign string, beyond, before bool) {
		t = ceil(t, time.Microsecond)
		switch {
		case t.Before(least):
			st.Write(" and ", c.Expr, " is not null and ", strconv.FormatBool(before))
		case t.After(greatest):
			st.Write(" and ", c.Expr, " is not null and ", strconv.FormatBool(beyond))
		default:
			st.Write(" and ", c.Expr, " ", sign, " ")
			st.Arg(sqlType, clock(t))
		}
	}
	if !q.From.IsZero() {
		bound(q.From, ">=", false, true)
	}
	if !q.To.IsZero() {
		bound(q.To, "<", true, false)
	}
	return nil
}

// bound writes a bound of the key.
func (q *Query) bound(st *Statement, key source.Key, sign string) error {
	if len(key) == 0 {
		return nil
	}
	if len(key) != len(q.Key) {
		return fmt.Errorf("pgsource: dataset %q: a bound has %d columns and the key %d: %w", q.Name, len(key), len(q.Key), source.ErrUnsupported)
	}
	st.Write(" and (", strings.Join(q.keyOrder(), ", "), ") ", sign, " (")
	for j, name := range q.Key {
		c := q.column(name)
		v, _ := q.cell(q.Schema.Index(name), key[j])
		if v.Len() == 0 {
			return fmt.Errorf("pgsource: dataset %q, column %q: a bound of the key is no %v", q.Name, name, c.Field.Kind)
		}
		if j > 0 {
			st.Write(", ")
		}
		st.Arg(c.Type, c.Value(v))
	}
	st.Write(")")
	return nil
}
