package fields

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"reflect"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Loader reads one field of the row in the buffer it was bound to. The cell
// it fills has null false.
type Loader func(*Cell) error

// A binding is a Loader and what it gives.
type binding struct {
	load     Loader
	kind     source.Kind
	nullable bool
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	int128Type = reflect.TypeFor[source.Int128]()
	bigType    = reflect.TypeFor[big.Int]()
	byteType   = reflect.TypeFor[byte]()
	rawType    = reflect.TypeFor[json.RawMessage]()
)

// sqlNull reports whether t is one of database/sql's Null types.
func sqlNull(t reflect.Type) bool {
	return t.PkgPath() == "database/sql" && strings.HasPrefix(t.Name(), "Null") && t.Kind() == reflect.Struct && t.NumField() == 2
}

// pointer returns v's address as a pointer to T, which has the same
// underlying type. Bound once for each read, it makes reading a field as cheap
// as in code that knows the struct.
func pointer[T any](v reflect.Value) *T {
	return v.Addr().Convert(reflect.TypeFor[*T]()).Interface().(*T)
}

// bind makes the Loader of one addressable field. The kind is the tag's, or
// the one that the Go type suggests.
func bind(v reflect.Value, t tag) (binding, error) {
	b, err := bindType(v, t)
	if err != nil {
		return b, err
	}
	if t.field.Round && b.kind.Base() != source.AnyDecimal && b.kind != source.Timestamp && b.kind != source.DateTime {
		return b, fmt.Errorf("round is for decimals and times, not for a %v", b.kind)
	}
	if t.zeroNull {
		if b.nullable {
			return b, errors.New("zeronull beside a type that has a null of its own")
		}
		b.load, b.nullable = loadZeroNull(v, b.load), true
	}
	if b.nullable && (t.required || t.key != 0) {
		b.load = loadRequired(b.load)
	}
	return b, nil
}

func loadZeroNull(v reflect.Value, load Loader) Loader {
	zero := v.IsZero
	if v.Type() == timeType {
		t := pointer[time.Time](v)
		zero = func() bool { return t.IsZero() }
	}
	return func(c *Cell) error {
		if zero() {
			c.Null = true
			return nil
		}
		return load(c)
	}
}

func loadRequired(load Loader) Loader {
	return func(c *Cell) error {
		if err := load(c); err != nil {
			return err
		}
		if c.Null {
			return errors.New("null in a required field")
		}
		return nil
	}
}

// bindType binds by the Go type, before what the tag adds.
func bindType(v reflect.Value, t tag) (binding, error) {
	typ := v.Type()
	switch {
	case typ == timeType:
		return bindTime(v, t)
	case typ == int128Type:
		return bindInt128(v, t)
	case typ == bigType:
		return bindBig(v, t)
	case sqlNull(typ):
		return bindSQLNull(v, t)
	case typ.Kind() == reflect.Pointer:
		return bindPointer(v, t)
	}
	kind := t.field.Kind
	if kind == 0 {
		kind = natural(typ)
	}
	if kind == 0 {
		return binding{}, fmt.Errorf("a %v has no kind by itself: declare one in the tag if it has a text form, or leave it out with export:\"-\"", typ)
	}
	if load, nullable := direct(v, kind, t.field.Round); load != nil {
		return binding{load, kind, nullable}, nil
	}
	if load := viaText(v, kind, t.field.Round); load != nil {
		return binding{load, kind, false}, nil
	}
	return binding{}, fmt.Errorf("a %v cannot be a %v", typ, kind)
}

// natural is the kind that a Go type has without being told.
func natural(t reflect.Type) source.Kind {
	switch t.Kind() {
	case reflect.Bool:
		return source.Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return source.Int64
	case reflect.Float32, reflect.Float64:
		return source.Float64
	case reflect.String:
		return source.String
	case reflect.Slice:
		if t == rawType {
			return source.JSON
		}
		if t.Elem() == byteType {
			return source.Bytes
		}
	case reflect.Array:
		if t.Len() == 16 && t.Elem() == byteType {
			return source.UUID
		}
	}
	return 0
}

// direct returns the Loader for a Go type whose values are cells of that kind
// as they are, nil when they are not.
func direct(v reflect.Value, kind source.Kind, round bool) (load Loader, nullable bool) {
	switch natural(v.Type()) {
	case source.Bool:
		if kind == source.Bool {
			return loadBool(v), false
		}
	case source.Int64:
		if v.CanInt() {
			return loadSigned(v, kind), false
		}
		return loadUnsigned(v, kind), false
	case source.Float64:
		if kind == source.Float64 {
			return loadFloat(v), false
		}
	case source.String:
		return loadString(pointer[string](v), kind, round), false
	case source.Bytes, source.JSON:
		if kind.Variable() {
			return loadBytes(pointer[[]byte](v)), true
		}
	case source.UUID:
		if kind == source.UUID {
			return loadUUID(pointer[[16]byte](v)), false
		}
	}
	return nil, false
}

func bindPointer(v reflect.Value, t tag) (binding, error) {
	inner := reflect.New(v.Type().Elem()).Elem()
	b, err := bindType(inner, t)
	if err != nil {
		return b, err
	}
	load := b.load
	return binding{kind: b.kind, nullable: true, load: func(c *Cell) error {
		if v.IsNil() {
			c.Null = true
			return nil
		}
		inner.Set(v.Elem())
		return load(c)
	}}, nil
}

func bindSQLNull(v reflect.Value, t tag) (binding, error) {
	valid := pointer[bool](v.FieldByName("Valid"))
	b, err := bindType(v.Field(0), t)
	if err != nil {
		return b, err
	}
	load := b.load
	return binding{kind: b.kind, nullable: true, load: func(c *Cell) error {
		if !*valid {
			c.Null = true
			return nil
		}
		return load(c)
	}}, nil
}

func bindTime(v reflect.Value, t tag) (binding, error) {
	p, kind := pointer[time.Time](v), t.field.Kind
	switch kind {
	case 0, source.Timestamp:
		return binding{load: loadTimestamp(p, t.field.Round), kind: source.Timestamp}, nil
	case source.DateTime:
		return binding{load: loadDateTime(p, t.field.Round), kind: kind}, nil
	case source.Date:
		return binding{load: loadDate(p), kind: kind}, nil
	}
	return binding{}, fmt.Errorf("a time.Time cannot be a %v", kind)
}

func bindInt128(v reflect.Value, t tag) (binding, error) {
	kind := t.field.Kind
	if kind.Base() != source.AnyDecimal {
		return binding{}, errors.New("a source.Int128 wants decimal(p,s) in its tag")
	}
	p := pointer[source.Int128](v)
	return binding{kind: kind, load: func(c *Cell) error { return c.setDecimal(*p, kind) }}, nil
}

func bindBig(v reflect.Value, t tag) (binding, error) {
	kind := t.field.Kind
	if kind.Base() != source.AnyDecimal {
		return binding{}, errors.New("a big.Int wants decimal(p,s) in its tag")
	}
	p := pointer[big.Int](v)
	return binding{kind: kind, load: func(c *Cell) error {
		x, ok := fromBig(p)
		if !ok {
			return source.ErrDigits
		}
		return c.setDecimal(x, kind)
	}}, nil
}

// fromBig returns x when its magnitude has at most 127 bits.
func fromBig(x *big.Int) (source.Int128, bool) {
	if x.BitLen() > 127 {
		return source.Int128{}, false
	}
	var words [2]uint64
	shift := 0
	for _, w := range x.Bits() {
		words[shift/64] |= uint64(w) << (shift % 64)
		shift += bits.UintSize
	}
	out := source.Int128{Hi: int64(words[1]), Lo: words[0]}
	if x.Sign() < 0 {
		out = out.Neg()
	}
	return out, true
}

// viaText returns the Loader for a type that writes itself as text
// ([encoding.TextAppender], or [encoding.TextMarshaler], which allocates).
func viaText(v reflect.Value, kind source.Kind, round bool) Loader {
	parse := parser[[]byte](kind, round)
	if kind == source.String || kind == source.JSON {
		parse = func(c *Cell, text []byte) error {
			c.s, c.b = "", text
			return nil
		}
	}
	if parse == nil {
		return nil
	}
	buf := make([]byte, 0, 64) // never nil: an empty text is a text
	switch m := v.Addr().Interface().(type) {
	case encoding.TextAppender:
		return func(c *Cell) (err error) {
			if buf, err = m.AppendText(buf[:0]); err != nil {
				return err
			}
			return parse(c, buf)
		}
	case encoding.TextMarshaler:
		return func(c *Cell) error {
			text, err := m.MarshalText()
			if err != nil {
				return err
			}
			buf = append(buf[:0], text...)
			return parse(c, buf)
		}
	}
	return nil
}
