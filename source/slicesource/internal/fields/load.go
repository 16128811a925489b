package fields

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/exportyard/exportyard/source"
)

var errRange = errors.New("a year outside 1 to 9999")

// The seconds that a Timestamp can hold; beyond them microseconds overflow.
const (
	minSecond = source.MinMicro / 1e6
	maxSecond = (source.MaxMicro - 999_999) / 1e6
)

func micros(seconds int64, t *time.Time, round bool) (int64, error) {
	if seconds < minSecond || seconds > maxSecond {
		return 0, errRange
	}
	ns := t.Nanosecond()
	x, rest := seconds*1e6+int64(ns/1000), ns%1000
	if rest == 0 {
		return x, nil
	}
	if !round {
		return 0, fmt.Errorf("%w: below a microsecond (the tag's round allows it)", source.ErrDigits)
	}
	if rest > 500 || rest == 500 && x&1 == 1 {
		x++
	}
	if x > source.MaxMicro {
		return 0, errRange
	}
	return x, nil
}

func loadTimestamp(p *time.Time, round bool) Loader {
	return func(c *Cell) (err error) {
		c.Int, err = micros(p.Unix(), p, round)
		return err
	}
}

func loadDateTime(p *time.Time, round bool) Loader {
	return func(c *Cell) (err error) {
		_, offset := p.Zone()
		c.Int, err = micros(p.Unix()+int64(offset), p, round)
		return err
	}
}

func loadDate(p *time.Time) Loader {
	return func(c *Cell) error {
		h, m, s := p.Clock()
		if h != 0 || m != 0 || s != 0 || p.Nanosecond() != 0 {
			return errors.New("a date with a time of day")
		}
		c.Int = source.Day(*p)
		if !source.InRange(source.Date, c.Int) {
			return errRange
		}
		return nil
	}
}

func loadBool(v reflect.Value) Loader {
	return func(c *Cell) error {
		c.Int = int64(boolInt(v.Bool()))
		return nil
	}
}

func loadFloat(v reflect.Value) Loader {
	return func(c *Cell) error {
		c.f = v.Float()
		return nil
	}
}

func loadUUID(p *[16]byte) Loader {
	return func(c *Cell) error {
		c.u = *p
		return nil
	}
}

func loadBytes(p *[]byte) Loader {
	return func(c *Cell) error {
		c.s, c.b, c.Null = "", *p, *p == nil
		return nil
	}
}

func loadString(p *string, kind source.Kind, round bool) Loader {
	if kind.Variable() {
		return func(c *Cell) error {
			c.s, c.b = *p, nil
			return nil
		}
	}
	parse := parser[string](kind, round)
	if parse == nil {
		return nil
	}
	return func(c *Cell) error { return parse(c, *p) }
}

// parser returns what reads a text as a cell of that kind, nil when a kind is
// not read from texts.
func parser[T string | []byte](kind source.Kind, round bool) func(*Cell, T) error {
	switch kind.Base() {
	case source.AnyDecimal:
		return func(c *Cell, text T) error {
			x, err := source.ParseDecimal(text, kind.Precision(), kind.Scale(), round)
			c.Int, c.lo = x.Hi, x.Lo
			return err
		}
	case source.UUID:
		return func(c *Cell, text T) (err error) {
			c.u, err = source.ParseUUID(text)
			return err
		}
	}
	return nil
}

func loadSigned(v reflect.Value, kind source.Kind) Loader {
	switch kind.Base() {
	case source.Int64:
		return func(c *Cell) error {
			c.Int = v.Int()
			return nil
		}
	case source.AnyDecimal:
		return func(c *Cell) error { return c.setDecimal(source.Int128From(v.Int()), kind) }
	}
	return nil
}

func loadUnsigned(v reflect.Value, kind source.Kind) Loader {
	switch kind.Base() {
	case source.Int64:
		return func(c *Cell) error {
			if c.Int = int64(v.Uint()); c.Int < 0 {
				return errors.New("over the range of int64: declare it decimal(20,0)")
			}
			return nil
		}
	case source.AnyDecimal:
		return func(c *Cell) error { return c.setDecimal(source.Int128{Lo: v.Uint()}, kind) }
	}
	return nil
}

// setDecimal stores a number that has to fit the kind.
func (c *Cell) setDecimal(x source.Int128, kind source.Kind) error {
	c.Int, c.lo = x.Hi, x.Lo
	if !x.Fits(kind.Precision()) {
		return source.ErrDigits
	}
	return nil
}
