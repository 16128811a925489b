package sqlsource

import (
	"context"
	"fmt"
	"strconv"

	"github.com/exportyard/exportyard/source"
)

// An operand is a column as conditions and orderings see it: an expression,
// and how a cell is written to be compared with it.
type operand struct {
	expr  string
	value func(v *source.Vector, row int) value
	// like, when not empty, is an expression that also equals value when expr
	// does, and perhaps oftener, and that an index of the column can serve.
	like string
}

// operand returns the operand of column i. On SQLite, and for texts that stand
// for something else, that takes a look at the values.
func (s *session) operand(ctx context.Context, i int) (operand, error) {
	f, ref, d := s.t.schema[i], s.t.ref(i), s.t.dialect
	switch f.Kind.Base() {
	case source.Bool:
		return operand{expr: ref, value: s.boolValue(i)}, nil
	case source.Int64:
		return operand{expr: ref, value: func(v *source.Vector, row int) value { return d.typed("bigint", v.Int64s()[row]) }}, nil
	case source.Float64:
		return operand{expr: d.readFloat(ref, s.types[i]), value: func(v *source.Vector, row int) value {
			return d.typed("double precision", v.Float64s()[row])
		}}, nil
	case source.AnyDecimal:
		return s.decimal(ctx, i)
	case source.String:
		o := operand{expr: d.bytewise(ref), value: func(v *source.Vector, row int) value { return d.bytewiseValue(string(v.Bytes(row))) }}
		if s.types[i] == textual {
			o.like = ref
		}
		return o, nil
	case source.JSON:
		return operand{expr: d.bytewise(d.jsonText(ref)), value: func(v *source.Vector, row int) value {
			return d.bytewiseValue(string(v.Bytes(row)))
		}}, nil
	case source.Bytes:
		expr := ref
		if d == SQLite {
			expr = "cast(" + ref + " as blob)"
		}
		return operand{expr: expr, value: func(v *source.Vector, row int) value {
			// An empty slice of a vector may be nil, which would be a null.
			return d.bytesValue(append([]byte{}, v.Bytes(row)...))
		}}, nil
	case source.UUID:
		return s.uuid(ctx, i)
	default:
		return s.temporal(ctx, i)
	}
}

// keyOperand is operand for a column of the key, for which the dataset may ask
// to keep the collation.
func (s *session) keyOperand(ctx context.Context, i int) (operand, error) {
	o, err := s.operand(ctx, i)
	if err == nil && s.t.keeps(i, s.types) {
		o.expr = s.t.ref(i)
		o.value = func(v *source.Vector, row int) value { return s.t.dialect.textValue(string(v.Bytes(row))) }
	}
	return o, err
}

// keeps reports whether column i is ordered by its own collation. An
// enumeration has none: it sorts by position and compares as text.
func (t *table) keeps(i int, types []class) bool {
	return t.KeepCollation && t.schema[i].Kind == source.String && len(t.Key) > 0 && (t.dialect == SQLite || types[i] == textual)
}

// orderExpr is the expression by which a column is sorted; unlike an operand it
// needs no look at the values.
func (t *table) orderExpr(i int, types []class) string {
	ref, d := t.ref(i), t.dialect
	switch t.schema[i].Kind {
	case source.String:
		if !t.keeps(i, types) {
			return d.bytewise(ref)
		}
	case source.JSON:
		return d.bytewise(d.jsonText(ref))
	case source.UUID:
		if types[i] == textual || d == SQLite {
			return d.bytewise(ref)
		}
	case source.Bool, source.Int64, source.Float64, source.Bytes:
	default:
		if d == SQLite {
			return d.bytewise(ref)
		}
	}
	return ref
}

// ref names column i of the wrapped query. The prefix matters: SQLite takes an
// unknown quoted name alone for a text.
func (t *table) ref(i int) string { return "q." + t.dialect.quote(t.schema[i].Name) }

// typed returns an argument of an SQL type, which PostgreSQL wants to be told.
func (d Dialect) typed(sqlType string, arg any) value {
	if d == PostgreSQL {
		return value{"cast(? as " + sqlType + ")", arg}
	}
	return value{"?", arg}
}

func (d Dialect) jsonText(ref string) string {
	switch d {
	case PostgreSQL:
		return ref
	case MySQL:
		return "cast(" + ref + " as char)"
	default:
		return "cast(" + ref + " as text)"
	}
}

// readFloat widens a single-precision column before MySQL writes it with six digits.
func (d Dialect) readFloat(ref string, c class) string {
	if d == MySQL && c == float {
		return "(" + ref + " + 0e0)"
	}
	return ref
}

func (s *session) boolValue(i int) func(*source.Vector, int) value {
	if s.t.dialect == PostgreSQL && s.types[i] != integer {
		return func(v *source.Vector, row int) value { return value{"cast(? as boolean)", v.Bools()[row]} }
	}
	return func(v *source.Vector, row int) value {
		var bit int64
		if v.Bools()[row] {
			bit = 1
		}
		return s.t.dialect.typed("bigint", bit)
	}
}

func decimalTextOf(v *source.Vector, row int) string { return string(source.AppendText(nil, v, row)) }

func (s *session) decimal(ctx context.Context, i int) (operand, error) {
	d, k, ref := s.t.dialect, s.t.schema[i].Kind, s.t.ref(i)
	switch d {
	case PostgreSQL:
		return operand{expr: ref, value: func(v *source.Vector, row int) value {
			return value{"cast(? as numeric)", decimalTextOf(v, row)}
		}}, nil
	case MySQL:
		wrap := fmt.Sprintf("cast(? as decimal(%d,%d))", k.Precision(), k.Scale())
		return operand{expr: ref, value: func(v *source.Vector, row int) value { return value{wrap, decimalTextOf(v, row)} }}, nil
	}
	which, err := s.spelled(ctx, i, decimalNumber(ref), decimalText(ref, k.Scale()))
	switch {
	case err != nil:
		return operand{}, err
	case which == 1:
		return operand{expr: d.bytewise(ref), value: func(v *source.Vector, row int) value { return value{"?", decimalTextOf(v, row)} }}, nil
	case which < 0:
		return operand{}, s.mixed(i, "neither all numbers nor all texts with every digit of the scale")
	}
	return operand{expr: d.bytewise(ref), value: func(v *source.Vector, row int) value {
		text := decimalTextOf(v, row)
		if x, err := strconv.ParseInt(text, 10, 64); err == nil {
			return value{"?", x}
		}
		x, _ := strconv.ParseFloat(text, 64)
		return value{"?", x}
	}}, nil
}

func (s *session) uuid(ctx context.Context, i int) (operand, error) {
	d, ref, c := s.t.dialect, s.t.ref(i), s.types[i]
	native := func(v *source.Vector, row int) value {
		return d.typed("uuid", string(source.AppendUUID(nil, v.UUIDs()[row])))
	}
	switch {
	case c == binary:
		return operand{expr: ref, value: func(v *source.Vector, row int) value { return d.bytesValue(v.UUIDs()[row][:]) }}, nil
	case d != SQLite && c != textual:
		return operand{expr: ref, value: native}, nil
	}
	conditions := make([]string, len(spellings))
	for j, sp := range spellings {
		conditions[j] = sp.matches(d, ref)
	}
	which, err := s.spelled(ctx, i, conditions...)
	if err != nil {
		return operand{}, err
	}
	if which < 0 {
		return operand{}, s.mixed(i, "not all UUIDs of one spelling")
	}
	sp := spellings[which]
	o := operand{expr: d.bytewise(ref), value: func(v *source.Vector, row int) value { return sp.value(d, v.UUIDs()[row]) }}
	if d != SQLite {
		o.like = ref
	}
	return o, nil
}

func (s *session) temporal(ctx context.Context, i int) (operand, error) {
	d, k, ref := s.t.dialect, s.t.schema[i].Kind, s.t.ref(i)
	f, err := s.form(ctx, i)
	if err != nil {
		return operand{}, err
	}
	o := operand{expr: ref, value: func(v *source.Vector, row int) value {
		micros := v.Int64s()[row]
		if k == source.Date {
			micros *= dayMicros
		}
		return s.time(i, f, micros)
	}}
	if !f.native && f.unit == 0 {
		if f.reduced() {
			o.expr = f.reduce(d, ref)
		}
		o.expr = d.bytewise(o.expr)
	}
	return o, nil
}

// time returns the argument for so many microseconds since 1970-01-01T00:00:00.
func (s *session) time(i int, f form, micros int64) value {
	d, k := s.t.dialect, s.t.schema[i].Kind
	if !f.native {
		arg := f.encode(k, micros)
		if text, ok := arg.(string); ok {
			return d.bytewiseValue(text)
		}
		return d.typed("bigint", arg)
	}
	c := s.types[i]
	if c == unknown {
		c = map[source.Kind]class{source.Date: day, source.Timestamp: instant, source.DateTime: wallClock}[k]
	}
	if d == MySQL {
		text := f.encode(source.DateTime, micros)
		if c == day {
			return value{"cast(? as date)", f.encode(source.Date, micros)}
		}
		return value{"cast(? as datetime(6))", text}
	}
	switch c {
	case day:
		return value{"cast(? as date)", f.encode(source.Date, micros)}
	case wallClock:
		return value{"cast(? as timestamp)", f.encode(source.DateTime, micros)}
	default:
		return value{"cast(? as timestamptz)", f.encode(source.Timestamp, micros)}
	}
}

// anyForm stands for the form of a column without values, where any will do.
var anyForm = form{unit: 1, base: 19}

// form returns how the values of temporal column i are stored, which it makes
// sure of where the database does not.
func (s *session) form(ctx context.Context, i int) (form, error) {
	d, name := s.t.dialect, s.t.schema[i].Name
	f, declared := s.t.forms[name]
	switch c := s.types[i]; {
	case declared && (f.native || f.unit > 0 && d != SQLite):
		return f, nil
	case declared || d == SQLite:
	case c == textual || c == integer:
		return form{}, fmt.Errorf("sqlsource: dataset %q, column %q: times are stored as text or integers: declare TimeStorage", s.t.Name, name)
	default:
		return form{native: true}, nil
	}
	a, err := s.checked(i, func() (answer, error) {
		if declared && f.digits == shortest {
			return s.matching(ctx, i, "not all stored as %q, as declared", f, f.open())
		} else if declared {
			return s.matching(ctx, i, "not all stored as %q, as declared", f)
		}
		candidates, err := s.sample(ctx, i)
		if err != nil || len(candidates) == 0 {
			return answer{form: anyForm}, err
		}
		return s.matching(ctx, i, "not all stored as %q like the first: make them alike, or declare TimeStorage", candidates...)
	})
	return a.form, err
}

// matching returns the first of the forms that every value has.
func (s *session) matching(ctx context.Context, i int, otherwise string, forms ...form) (answer, error) {
	conditions := make([]string, len(forms))
	for j, f := range forms {
		conditions[j] = f.matches(s.t.dialect, s.t.ref(i))
	}
	which, err := s.which(ctx, i, conditions)
	if err == nil && which < 0 {
		err = s.mixed(i, fmt.Sprintf(otherwise, forms[0].String()))
	}
	if err != nil {
		return answer{}, err
	}
	return answer{form: forms[which]}, nil
}

// spelled returns which of the conditions holds for every value, -1 for none.
func (s *session) spelled(ctx context.Context, i int, conditions ...string) (int, error) {
	a, err := s.checked(i, func() (a answer, err error) {
		a.which, err = s.which(ctx, i, conditions)
		return a, err
	})
	return a.which, err
}

// mixed is the error about a column whose values cannot be compared exactly.
func (s *session) mixed(i int, how string) error {
	return &source.DataError{Dataset: s.t.Name, Column: s.t.schema[i].Name, Rule: "the values are " + how, Err: source.ErrUnsupported}
}

// unitOf returns the unit of integers between least and greatest, as far as
// one alone makes dates from 1973 to 2286 of them.
func unitOf(least, greatest int64) (form, bool) {
	for _, unit := range []int64{1e6, 1e3, 1} {
		low, high := int64(1e8)*(1e6/unit), int64(1e10)*(1e6/unit)
		if least >= low && greatest < high {
			return form{unit: unit}, true
		}
	}
	return form{}, false
}
