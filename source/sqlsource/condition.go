package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// nothing is a condition that no row meets.
const nothing = " and 1 = 0"

// from writes the wrapped query with its parameters.
func (s *session) from(st *statement) {
	for _, p := range s.t.pieces {
		st.write(p.sql)
		switch p.param {
		case "tenant":
			st.value(s.tenantParam())
		case "from":
			st.value(s.timeParam(s.q.From))
		case "to":
			st.value(s.timeParam(s.q.To))
		}
	}
}

// tenantParam is the tenant as the declared query gets it: of the tenant
// column's kind, or a text. A tenant that is no such value is null.
func (s *session) tenantParam() value {
	d, i := s.t.dialect, s.t.schema.Index(s.t.Tenant)
	if i < 0 || s.t.schema[i].Kind == source.String {
		return d.textValue(s.q.Tenant)
	}
	v, exact := s.cell(i, s.q.Tenant)
	switch k := s.t.schema[i].Kind; {
	case k == source.Int64 && !exact:
		return d.typed("bigint", nil)
	case k == source.Int64:
		return d.typed("bigint", v.Int64s()[0])
	case k == source.UUID && !exact:
		return d.typed("uuid", nil)
	case k == source.UUID:
		return d.typed("uuid", s.q.Tenant)
	default:
		return d.textValue(s.q.Tenant)
	}
}

// timeParam is a bound as the declared query gets it, null when there is none.
func (s *session) timeParam(bound time.Time) value {
	i := s.t.schema.Index(s.t.Time)
	f, declared := s.t.forms[s.t.Time]
	if !declared {
		f = form{native: true}
	}
	var micros int64
	if !bound.IsZero() {
		micros = ceil(bound)
	}
	types := s.types
	if types == nil {
		s.types = make([]class, len(s.t.schema)) // while they are being asked for
		defer func() { s.types = nil }()
	}
	v := s.time(i, f, min(max(micros, source.MinMicro), source.MaxMicro))
	if bound.IsZero() {
		v.arg = nil
	}
	return v
}

// ceil returns t in microseconds since 1970-01-01T00:00:00Z, rounded up: both
// t ≤ x and x < t hold for the same microseconds x as before.
func ceil(t time.Time) int64 {
	micros := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		micros++
	}
	return micros
}

// cell returns a vector whose only cell has that text, and whether the text is
// the cell's own.
func (s *session) cell(i int, text string) (v *source.Vector, exact bool) {
	v = source.NewBatch(s.t.schema[i:i+1], 1, 0).Col(0)
	if err := source.ParseText(v, text); err != nil {
		return v, false
	}
	return v, string(source.AppendText(nil, v, 0)) == text
}

// where writes the conditions of the query.
func (s *session) where(ctx context.Context, st *statement) error {
	st.write(" where 1 = 1")
	if err := s.tenant(ctx, st); err != nil {
		return err
	}
	if err := s.period(ctx, st); err != nil {
		return err
	}
	for _, f := range s.q.Filters {
		if err := s.filter(ctx, st, f); err != nil {
			return err
		}
	}
	if s.q.Subject != "" {
		if s.t.Subject == "" {
			return fmt.Errorf("sqlsource: dataset %q has no subject column: %w", s.t.Name, source.ErrUnsupported)
		}
		if err := s.equals(ctx, st, s.t.schema.Index(s.t.Subject), s.q.Subject); err != nil {
			return err
		}
	}
	return s.keys(ctx, st)
}

func (s *session) tenant(ctx context.Context, st *statement) error {
	if s.t.Tenant == "" {
		return nil
	}
	return s.equals(ctx, st, s.t.schema.Index(s.t.Tenant), s.q.Tenant)
}

// equals writes the condition that a cell has exactly that text.
func (s *session) equals(ctx context.Context, st *statement, i int, text string) error {
	v, exact := s.cell(i, text)
	if !exact {
		st.write(nothing)
		return nil
	}
	st.write(" and ")
	return s.among(ctx, st, i, []*source.Vector{v})
}

// period writes the bounds in time.
func (s *session) period(ctx context.Context, st *statement) error {
	q := s.q
	if !q.NullTime && q.From.IsZero() && q.To.IsZero() {
		return nil
	}
	i := s.t.schema.Index(s.t.Time)
	if i < 0 {
		return fmt.Errorf("sqlsource: dataset %q has no time column: %w", s.t.Name, source.ErrUnsupported)
	}
	if q.NullTime {
		st.write(" and ", s.t.ref(i), " is null")
		return nil
	}
	o, err := s.operand(ctx, i)
	if err != nil {
		return err
	}
	f, err := s.form(ctx, i)
	if err != nil {
		return err
	}
	bound := func(t time.Time, sign string, all bool) {
		switch micros := ceil(t); {
		case t.IsZero():
		case micros > source.MaxMicro && all, micros < source.MinMicro && !all: // every time meets it
			st.write(" and ", s.t.ref(i), " is not null")
		case micros > source.MaxMicro, micros < source.MinMicro:
			st.write(nothing)
		default:
			st.write(" and ", o.expr, sign)
			st.value(s.time(i, f, micros))
		}
	}
	bound(q.From, " >= ", false)
	bound(q.To, " < ", true)
	return nil
}

// filter writes the condition that a cell has one of the filter's values.
func (s *session) filter(ctx context.Context, st *statement, f source.Filter) error {
	i := s.t.schema.Index(f.Column)
	if i < 0 {
		return fmt.Errorf("sqlsource: dataset %q has no column %q", s.t.Name, f.Column)
	}
	cells := make([]*source.Vector, 0, len(f.In))
	for _, text := range f.In {
		v, _ := s.cell(i, text)
		if v.Len() == 0 {
			return fmt.Errorf("sqlsource: dataset %q, column %q: a filter value is no %v", s.t.Name, f.Column, s.t.schema[i].Kind)
		}
		cells = append(cells, v)
	}
	switch {
	case f.Null && len(cells) == 0:
		st.write(" and ", s.t.ref(i), " is null")
		return nil
	case len(cells) == 0:
		st.write(nothing)
		return nil
	case f.Null:
		st.write(" and (", s.t.ref(i), " is null or ")
	default:
		st.write(" and (")
	}
	if err := s.among(ctx, st, i, cells); err != nil {
		return err
	}
	st.write(")")
	return nil
}

// among writes the condition that a cell equals one of the cells.
func (s *session) among(ctx context.Context, st *statement, i int, cells []*source.Vector) error {
	o, err := s.operand(ctx, i)
	if err != nil {
		return err
	}
	values := make([]value, len(cells))
	for j, v := range cells {
		values[j] = o.value(v, 0)
	}
	in := func(expr string, vs []value) {
		st.write(expr, " in (")
		st.values(vs)
		st.write(")")
	}
	if s.t.dialect == SQLite && s.t.schema[i].Kind == source.String {
		s.amongTexts(in, st, s.t.ref(i), o.expr, values)
		return nil
	}
	st.write("(")
	if o.like != "" && o.like != o.expr {
		plain := make([]value, len(values))
		for j, v := range values {
			plain[j] = s.t.dialect.textValue(v.arg.(string))
		}
		in(o.like, plain)
		st.write(" and ")
	}
	in(o.expr, values)
	st.write(")")
	return nil
}

// amongTexts is among for a String on SQLite, where a number reads as its
// digits: a text equals the number that is written so.
func (s *session) amongTexts(in func(string, []value), st *statement, ref, expr string, values []value) {
	var ints, reals []value
	for _, v := range values {
		text := v.arg.(string)
		if x, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(x, 10) == text {
			ints = append(ints, value{"?", x})
		}
		if x, err := strconv.ParseFloat(text, 64); err == nil && string(source.AppendFloat(nil, x)) == text {
			reals = append(reals, value{"?", x})
		}
	}
	st.write("(typeof(", ref, ") = 'text' and ")
	in(expr, values)
	if len(ints) > 0 {
		st.write(" or typeof(", ref, ") = 'integer' and ")
		in(ref, ints)
	}
	if len(reals) > 0 {
		st.write(" or typeof(", ref, ") = 'real' and ")
		in(ref, reals)
	}
	st.write(")")
}

// keys writes the bounds on the key.
func (s *session) keys(ctx context.Context, st *statement) error {
	for _, b := range []struct {
		key  source.Key
		sign string
	}{{s.q.After, ">"}, {s.q.UpTo, "<="}} {
		if len(b.key) == 0 {
			continue
		}
		if len(b.key) != len(s.t.Key) || len(s.t.Key) == 0 {
			return fmt.Errorf("sqlsource: dataset %q: a bound has %d columns and the key %d: %w", s.t.Name, len(b.key), len(s.t.Key), source.ErrUnsupported)
		}
		exprs, values := make([]string, len(b.key)), make([]value, len(b.key))
		for j, name := range s.t.Key {
			i := s.t.schema.Index(name)
			o, err := s.keyOperand(ctx, i)
			if err != nil {
				return err
			}
			v, _ := s.cell(i, b.key[j])
			if v.Len() == 0 {
				return fmt.Errorf("sqlsource: dataset %q, column %q: a key bound is no %v", s.t.Name, name, s.t.schema[i].Kind)
			}
			exprs[j], values[j] = o.expr, o.value(v, 0)
		}
		st.write(" and ")
		if s.t.dialect == MySQL {
			st.expanded(exprs, values, b.sign)
		} else {
			st.rowValues(exprs, values, b.sign)
		}
	}
	return nil
}

// rowValues compares tuples, as SQLite and PostgreSQL do by walking an index.
func (s *statement) rowValues(exprs []string, values []value, sign string) {
	s.write("(")
	for j, e := range exprs {
		if j > 0 {
			s.write(", ")
		}
		s.write(e)
	}
	s.write(") ", sign, " (")
	s.values(values)
	s.write(")")
}

// expanded compares tuples column by column, for MySQL, which finds a range of
// an index in this form alone: a >= x and (a > x or (a = x and (b > y ...))).
func (s *statement) expanded(exprs []string, values []value, sign string) {
	compare := func(j int, sign string) {
		s.write(exprs[j], " ", sign, " ")
		s.value(values[j])
	}
	if len(exprs) > 1 {
		compare(0, sign[:1]+"=")
		s.write(" and ")
	}
	for j := range exprs {
		if j == len(exprs)-1 {
			compare(j, sign)
			break
		}
		s.write("(")
		compare(j, sign[:1])
		s.write(" or ")
		compare(j, "=")
		s.write(" and ")
	}
	for range len(exprs) - 1 {
		s.write(")")
	}
}

// order writes the order of the rows: by key; without one by SQLite's row
// number, or by all that is selected, so that rows that change places are alike.
func (s *session) order(ctx context.Context, st *statement, selected []int) error {
	st.write(" order by ")
	if len(s.t.Key) == 0 && s.rowid {
		st.write("q.rowid")
		return nil
	}
	exprs, err := s.orderExprs(ctx)
	if len(s.t.Key) == 0 {
		for _, i := range selected {
			exprs = append(exprs, s.t.orderExpr(i, s.types))
		}
	}
	st.write(strings.Join(exprs, ", "))
	return err
}

// orderExprs are the expressions of the key, the same that bounds compare with.
func (s *session) orderExprs(ctx context.Context) ([]string, error) {
	var exprs []string
	for _, name := range s.t.Key {
		i := s.t.schema.Index(name)
		expr := s.t.orderExpr(i, s.types)
		if s.t.schema[i].Kind.Temporal() {
			o, err := s.operand(ctx, i)
			if err != nil && !errors.Is(err, source.ErrUnsupported) {
				return nil, err
			}
			// Times that cannot be compared admit no bounds, and any order will do.
			if err == nil {
				expr = o.expr
			}
		}
		exprs = append(exprs, expr)
	}
	return exprs, nil
}
