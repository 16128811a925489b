package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// nothing is a condition that no row meets.
const nothing = " and 1 = 0"

// From writes the wrapped query with its parameters.
func (s *Session) From(st *dialect.Statement) {
	for _, p := range s.t.Pieces {
		st.Write(p.SQL)
		switch p.Param {
		case "tenant":
			st.Value(s.tenantParam())
		case "from":
			st.Value(s.timeParam(s.q.From))
		case "to":
			st.Value(s.timeParam(s.q.To))
		}
	}
}

// tenantParam is the tenant as the declared query gets it: of the tenant
// column's kind, or a text. A tenant that is no such value is null.
func (s *Session) tenantParam() dialect.Value {
	d, i := s.view.Dialect, s.view.Schema.Index(s.t.Tenant)
	if i < 0 || s.view.Schema[i].Kind == source.String {
		return d.TextValue(s.q.Tenant)
	}
	v, exact := s.cell(i, s.q.Tenant)
	switch k := s.view.Schema[i].Kind; {
	case k == source.Int64 && !exact:
		return d.Typed("bigint", nil)
	case k == source.Int64:
		return d.Typed("bigint", v.Int64s()[0])
	case k == source.UUID && !exact:
		return d.Typed("uuid", nil)
	case k == source.UUID:
		return d.Typed("uuid", s.q.Tenant)
	default:
		return d.TextValue(s.q.Tenant)
	}
}

// timeParam is a bound as the declared query gets it, null when there is none.
func (s *Session) timeParam(bound time.Time) dialect.Value {
	i := s.view.Schema.Index(s.t.Time)
	f, declared := s.view.Forms[s.t.Time]
	if !declared {
		f = stored.Form{Native: true}
	}
	var micros int64
	if !bound.IsZero() {
		micros = ceil(bound)
	}
	v := s.view.Time(i, f, min(max(micros, source.MinMicro), source.MaxMicro))
	if bound.IsZero() {
		v.Arg = nil
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
func (s *Session) cell(i int, text string) (v *source.Vector, exact bool) {
	v = source.NewBatch(s.view.Schema[i:i+1], 1, 0).Col(0)
	if err := source.ParseText(v, text); err != nil {
		return v, false
	}
	return v, string(source.AppendText(nil, v, 0)) == text
}

// Where writes the conditions of the query.
func (s *Session) Where(ctx context.Context, st *dialect.Statement) error {
	st.Write(" where 1 = 1")
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
		if err := s.equals(ctx, st, s.view.Schema.Index(s.t.Subject), s.q.Subject); err != nil {
			return err
		}
	}
	return s.keys(ctx, st)
}

func (s *Session) tenant(ctx context.Context, st *dialect.Statement) error {
	if s.t.Tenant == "" {
		return nil
	}
	return s.equals(ctx, st, s.view.Schema.Index(s.t.Tenant), s.q.Tenant)
}

// equals writes the condition that a cell has exactly that text.
func (s *Session) equals(ctx context.Context, st *dialect.Statement, i int, text string) error {
	v, exact := s.cell(i, text)
	if !exact {
		st.Write(nothing)
		return nil
	}
	st.Write(" and ")
	return s.among(ctx, st, i, []*source.Vector{v})
}

// period writes the bounds in time.
func (s *Session) period(ctx context.Context, st *dialect.Statement) error {
	q := s.q
	if !q.NullTime && q.From.IsZero() && q.To.IsZero() {
		return nil
	}
	i := s.view.Schema.Index(s.t.Time)
	if i < 0 {
		return fmt.Errorf("sqlsource: dataset %q has no time column: %w", s.t.Name, source.ErrUnsupported)
	}
	if q.NullTime {
		st.Write(" and ", s.view.Ref(i), " is null")
		return nil
	}
	o, err := s.view.Operand(ctx, i)
	if err != nil {
		return refused(err)
	}
	f, err := s.view.Form(ctx, i)
	if err != nil {
		return refused(err)
	}
	bound := func(t time.Time, sign string, all bool) {
		switch micros := ceil(t); {
		case t.IsZero():
		case micros > source.MaxMicro && all, micros < source.MinMicro && !all: // every time meets it
			st.Write(" and ", s.view.Ref(i), " is not null")
		case micros > source.MaxMicro, micros < source.MinMicro:
			st.Write(nothing)
		default:
			st.Write(" and ", o.Expr, sign)
			st.Value(s.view.Time(i, f, micros))
		}
	}
	bound(q.From, " >= ", false)
	bound(q.To, " < ", true)
	return nil
}

// refused makes an error about mixed times final: to ask for times in another
// way would not make them one form.
func refused(err error) error {
	var mixed *source.DataError
	if errors.As(err, &mixed) {
		return &source.DataError{Dataset: mixed.Dataset, Column: mixed.Column, Rule: mixed.Rule}
	}
	return err
}

// filter writes the condition that a cell has one of the filter's values.
func (s *Session) filter(ctx context.Context, st *dialect.Statement, f source.Filter) error {
	i := s.view.Schema.Index(f.Column)
	if i < 0 {
		return fmt.Errorf("sqlsource: dataset %q has no column %q", s.t.Name, f.Column)
	}
	cells := make([]*source.Vector, 0, len(f.In))
	for _, text := range f.In {
		v, _ := s.cell(i, text)
		if v.Len() == 0 {
			return fmt.Errorf("sqlsource: dataset %q, column %q: a filter value is no %v", s.t.Name, f.Column, s.view.Schema[i].Kind)
		}
		cells = append(cells, v)
	}
	switch {
	case f.Null && len(cells) == 0:
		st.Write(" and ", s.view.Ref(i), " is null")
		return nil
	case len(cells) == 0:
		st.Write(nothing)
		return nil
	case f.Null:
		st.Write(" and (", s.view.Ref(i), " is null or ")
	default:
		st.Write(" and (")
	}
	if err := s.among(ctx, st, i, cells); err != nil {
		return err
	}
	st.Write(")")
	return nil
}

// among writes the condition that a cell equals one of the cells.
func (s *Session) among(ctx context.Context, st *dialect.Statement, i int, cells []*source.Vector) error {
	o, err := s.view.Operand(ctx, i)
	if err != nil {
		return err
	}
	values := make([]dialect.Value, len(cells))
	for j, v := range cells {
		values[j] = o.Value(v, 0)
	}
	in := func(expr string, vs []dialect.Value) {
		st.Write(expr, " in (")
		st.Values(vs)
		st.Write(")")
	}
	if s.view.Dialect == dialect.SQLite && s.view.Schema[i].Kind == source.String {
		s.amongTexts(in, st, s.view.Ref(i), o.Expr, values)
		return nil
	}
	st.Write("(")
	if o.Like != "" && o.Like != o.Expr {
		plain := make([]dialect.Value, len(values))
		for j, v := range values {
			plain[j] = s.view.Dialect.TextValue(v.Arg.(string))
		}
		in(o.Like, plain)
		st.Write(" and ")
	}
	in(o.Expr, values)
	st.Write(")")
	return nil
}

// amongTexts is among for a String on SQLite, where a number reads as its
// digits: a text equals the number that is written so.
func (s *Session) amongTexts(in func(string, []dialect.Value), st *dialect.Statement, ref, expr string, values []dialect.Value) {
	var ints, reals []dialect.Value
	for _, v := range values {
		text := v.Arg.(string)
		if x, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(x, 10) == text {
			ints = append(ints, dialect.Value{Wrap: "?", Arg: x})
		}
		if x, err := strconv.ParseFloat(text, 64); err == nil && string(source.AppendFloat(nil, x)) == text {
			reals = append(reals, dialect.Value{Wrap: "?", Arg: x})
		}
	}
	st.Write("(typeof(", ref, ") = 'text' and ")
	in(expr, values)
	if len(ints) > 0 {
		st.Write(" or typeof(", ref, ") = 'integer' and ")
		in(ref, ints)
	}
	if len(reals) > 0 {
		st.Write(" or typeof(", ref, ") = 'real' and ")
		in(ref, reals)
	}
	st.Write(")")
}

// keys writes the bounds on the key.
func (s *Session) keys(ctx context.Context, st *dialect.Statement) error {
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
		exprs, values := make([]string, len(b.key)), make([]dialect.Value, len(b.key))
		for j, name := range s.t.Key {
			i := s.view.Schema.Index(name)
			o, err := s.view.KeyOperand(ctx, i)
			if err != nil {
				return err
			}
			v, _ := s.cell(i, b.key[j])
			if v.Len() == 0 {
				return fmt.Errorf("sqlsource: dataset %q, column %q: a key bound is no %v", s.t.Name, name, s.view.Schema[i].Kind)
			}
			exprs[j], values[j] = o.Expr, o.Value(v, 0)
		}
		st.Write(" and ")
		st.Compare(exprs, values, b.sign)
	}
	return nil
}

// Order writes the order of the rows: by key; without one by SQLite's row
// number, or by all that is selected, so that rows that change places are alike.
func (s *Session) Order(ctx context.Context, st *dialect.Statement, selected []int) error {
	st.Write(" order by ")
	if len(s.t.Key) == 0 && s.rowid {
		st.Write("q.rowid")
		return nil
	}
	exprs, err := s.KeyOrder(ctx)
	if len(s.t.Key) == 0 {
		for _, i := range selected {
			exprs = append(exprs, s.view.Order(i))
		}
	}
	st.Write(strings.Join(exprs, ", "))
	return err
}

// KeyOrder returns the expressions of the key, the same that bounds compare with.
func (s *Session) KeyOrder(ctx context.Context) ([]string, error) {
	var exprs []string
	for _, name := range s.t.Key {
		i := s.view.Schema.Index(name)
		expr := s.view.Order(i)
		if s.view.Schema[i].Kind.Temporal() {
			o, err := s.view.Operand(ctx, i)
			if err != nil && !errors.Is(err, source.ErrUnsupported) {
				return nil, err
			}
			// Times that cannot be compared admit no bounds, and any order will do.
			if err == nil {
				expr = o.Expr
			}
		}
		exprs = append(exprs, expr)
	}
	return exprs, nil
}
