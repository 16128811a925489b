package column

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// An Operand is a column as conditions and orderings see it: an expression,
// and how a cell is written to be compared with it.
type Operand struct {
	Expr  string
	Value func(cells *source.Vector, row int) dialect.Value
	// Like, when not empty, is an expression that also equals value when expr
	// does, and perhaps oftener, and that an index of the column can serve.
	Like string
}

// Operand returns the operand of column i. On SQLite, and for texts that stand
// for something else, that takes a look at the values.
func (v *View) Operand(ctx context.Context, i int) (Operand, error) {
	f, ref, d := v.Schema[i], v.Ref(i), v.Dialect
	switch f.Kind.Base() {
	case source.Bool:
		return Operand{Expr: ref, Value: v.boolValue(i)}, nil
	case source.Int64:
		return Operand{Expr: ref, Value: func(cells *source.Vector, row int) dialect.Value { return d.Typed("bigint", cells.Int64s()[row]) }}, nil
	case source.Float64:
		return Operand{Expr: d.ReadFloat(ref, v.Types[i]), Value: func(cells *source.Vector, row int) dialect.Value {
			return d.Typed("double precision", cells.Float64s()[row])
		}}, nil
	case source.AnyDecimal:
		return v.decimal(ctx, i)
	case source.String:
		o := Operand{Expr: d.Bytewise(ref), Value: func(cells *source.Vector, row int) dialect.Value { return d.BytewiseValue(string(cells.Bytes(row))) }}
		if v.Types[i] == dialect.Textual {
			o.Like = ref
		}
		return o, nil
	case source.JSON:
		return Operand{Expr: d.Bytewise(d.JSONText(ref)), Value: func(cells *source.Vector, row int) dialect.Value {
			return d.BytewiseValue(string(cells.Bytes(row)))
		}}, nil
	case source.Bytes:
		expr := ref
		if d == dialect.SQLite {
			expr = "cast(" + ref + " as blob)"
		}
		return Operand{Expr: expr, Value: func(cells *source.Vector, row int) dialect.Value {
			// An empty slice of a vector may be nil, which would be a null.
			return d.BytesValue(append([]byte{}, cells.Bytes(row)...))
		}}, nil
	case source.UUID:
		return v.uuid(ctx, i)
	default:
		return v.temporal(ctx, i)
	}
}

// KeyOperand is Operand for a column of the key, for which the dataset may ask
// to keep the collation.
func (v *View) KeyOperand(ctx context.Context, i int) (Operand, error) {
	o, err := v.Operand(ctx, i)
	if err == nil && v.keeps(i) {
		o.Expr = v.Ref(i)
		o.Value = func(cells *source.Vector, row int) dialect.Value {
			return v.Dialect.TextValue(string(cells.Bytes(row)))
		}
	}
	return o, err
}

// keeps reports whether column i is ordered by its own collation. An
// enumeration has none: it sorts by position and compares as text.
func (v *View) keeps(i int) bool {
	return v.KeepCollation && v.Schema[i].Kind == source.String && (v.Dialect == dialect.SQLite || v.Types[i] == dialect.Textual)
}

// Order is the expression by which a column is sorted; unlike an operand it
// needs no look at the values.
func (v *View) Order(i int) string {
	ref, d := v.Ref(i), v.Dialect
	switch v.Schema[i].Kind {
	case source.String:
		if !v.keeps(i) {
			return d.Bytewise(ref)
		}
	case source.JSON:
		return d.Bytewise(d.JSONText(ref))
	case source.UUID:
		if v.Types[i] == dialect.Textual || d == dialect.SQLite {
			return d.Bytewise(ref)
		}
	case source.Bool, source.Int64, source.Float64, source.Bytes:
	default:
		if d == dialect.SQLite {
			return d.Bytewise(ref)
		}
	}
	return ref
}

func (v *View) boolValue(i int) func(*source.Vector, int) dialect.Value {
	if v.Dialect == dialect.PostgreSQL && v.Types[i] != dialect.Integer {
		return func(cells *source.Vector, row int) dialect.Value {
			return dialect.Value{Wrap: "cast(? as boolean)", Arg: cells.Bools()[row]}
		}
	}
	return func(cells *source.Vector, row int) dialect.Value {
		var bit int64
		if cells.Bools()[row] {
			bit = 1
		}
		return v.Dialect.Typed("bigint", bit)
	}
}

func decimalText(cells *source.Vector, row int) string {
	return string(source.AppendText(nil, cells, row))
}

func (v *View) decimal(ctx context.Context, i int) (Operand, error) {
	d, k, ref := v.Dialect, v.Schema[i].Kind, v.Ref(i)
	switch d {
	case dialect.PostgreSQL:
		return Operand{Expr: ref, Value: func(cells *source.Vector, row int) dialect.Value {
			return dialect.Value{Wrap: "cast(? as numeric)", Arg: decimalText(cells, row)}
		}}, nil
	case dialect.MySQL:
		wrap := fmt.Sprintf("cast(? as decimal(%d,%d))", k.Precision(), k.Scale())
		return Operand{Expr: ref, Value: func(cells *source.Vector, row int) dialect.Value {
			return dialect.Value{Wrap: wrap, Arg: decimalText(cells, row)}
		}}, nil
	}
	which, err := v.spelled(ctx, i, stored.DecimalNumber(ref), stored.DecimalText(ref, k.Scale()))
	switch {
	case err != nil:
		return Operand{}, err
	case which == 1:
		return Operand{Expr: d.Bytewise(ref), Value: func(cells *source.Vector, row int) dialect.Value {
			return dialect.Value{Wrap: "?", Arg: decimalText(cells, row)}
		}}, nil
	case which < 0:
		return Operand{}, v.mixed(i, "neither all numbers nor all texts with every digit of the scale")
	}
	return Operand{Expr: d.Bytewise(ref), Value: decimalNumber}, nil
}

// decimalNumber is the number by which SQLite holds a decimal: an integer, or
// the real that is written so. A decimal that no number is written as equals none.
func decimalNumber(cells *source.Vector, row int) dialect.Value {
	k, want := cells.Kind(), cells.Decimal(row)
	text := decimalText(cells, row)
	whole, fraction, _ := strings.Cut(text, ".")
	if x, err := strconv.ParseInt(whole, 10, 64); err == nil && strings.Trim(fraction, "0") == "" {
		return dialect.Value{Wrap: "?", Arg: x}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err == nil {
		var got source.Int128
		got, err = source.ParseDecimal(strconv.FormatFloat(x, 'g', -1, 64), k.Precision(), k.Scale(), false)
		if err == nil && got == want {
			return dialect.Value{Wrap: "?", Arg: x}
		}
	}
	return dialect.Value{Wrap: "?"}
}

func (v *View) uuid(ctx context.Context, i int) (Operand, error) {
	d, ref, c := v.Dialect, v.Ref(i), v.Types[i]
	native := func(cells *source.Vector, row int) dialect.Value {
		return d.Typed("uuid", string(source.AppendUUID(nil, cells.UUIDs()[row])))
	}
	switch {
	case c == dialect.Binary:
		return Operand{Expr: ref, Value: func(cells *source.Vector, row int) dialect.Value { return d.BytesValue(cells.UUIDs()[row][:]) }}, nil
	case d != dialect.SQLite && c != dialect.Textual:
		return Operand{Expr: ref, Value: native}, nil
	}
	conditions := make([]string, len(stored.Spellings))
	for j, sp := range stored.Spellings {
		conditions[j] = sp.Matches(d, ref)
	}
	which, err := v.spelled(ctx, i, conditions...)
	if err != nil {
		return Operand{}, err
	}
	if which < 0 {
		return Operand{}, v.mixed(i, "not all UUIDs of one spelling")
	}
	sp := stored.Spellings[which]
	o := Operand{Expr: d.Bytewise(ref), Value: func(cells *source.Vector, row int) dialect.Value { return sp.Value(d, cells.UUIDs()[row]) }}
	if d != dialect.SQLite {
		o.Like = ref
	}
	return o, nil
}

func (v *View) temporal(ctx context.Context, i int) (Operand, error) {
	d, k, ref := v.Dialect, v.Schema[i].Kind, v.Ref(i)
	f, err := v.Form(ctx, i)
	if err != nil {
		return Operand{}, err
	}
	o := Operand{Expr: ref, Value: func(cells *source.Vector, row int) dialect.Value {
		micros := cells.Int64s()[row]
		if k == source.Date {
			micros *= stored.DayMicros
		}
		arg := v.Time(i, f, micros)
		if !f.Exact(k, micros) {
			arg.Arg = nil // no stored time equals it
		}
		return arg
	}}
	if !f.Native && f.Unit == 0 {
		if f.Reduced() {
			o.Expr = f.Reduce(d, ref)
		}
		o.Expr = d.Bytewise(o.Expr)
	}
	return o, nil
}

// Time returns the argument for so many microseconds since 1970-01-01T00:00:00.
func (v *View) Time(i int, f stored.Form, micros int64) dialect.Value {
	d, k := v.Dialect, v.Schema[i].Kind
	if !f.Native {
		arg := f.Encode(k, micros)
		if text, ok := arg.(string); ok {
			return d.BytewiseValue(text)
		}
		return d.Typed("bigint", arg)
	}
	c := v.Types[i]
	if c == dialect.Unknown {
		c = map[source.Kind]dialect.Class{source.Date: dialect.Day, source.Timestamp: dialect.Instant, source.DateTime: dialect.WallClock}[k]
	}
	if d == dialect.MySQL {
		text := f.Encode(source.DateTime, micros)
		if c == dialect.Day {
			return dialect.Value{Wrap: "cast(? as date)", Arg: f.Encode(source.Date, micros)}
		}
		return dialect.Value{Wrap: "cast(? as datetime(6))", Arg: text}
	}
	switch c {
	case dialect.Day:
		return dialect.Value{Wrap: "cast(? as date)", Arg: f.Encode(source.Date, micros)}
	case dialect.WallClock:
		return dialect.Value{Wrap: "cast(? as timestamp)", Arg: f.Encode(source.DateTime, micros)}
	default:
		return dialect.Value{Wrap: "cast(? as timestamptz)", Arg: f.Encode(source.Timestamp, micros)}
	}
}
