package slicesource

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

func loadTimestamp(p *time.Time, round bool) loader {
	return func(c *cell) (err error) {
		c.i, err = micros(p.Unix(), p, round)
		return err
	}
}

func loadDateTime(p *time.Time, round bool) loader {
	return func(c *cell) (err error) {
		_, offset := p.Zone()
		c.i, err = micros(p.Unix()+int64(offset), p, round)
		return err
	}
}

func loadDate(p *time.Time) loader {
	return func(c *cell) error {
		h, m, s := p.Clock()
		if h != 0 || m != 0 || s != 0 || p.Nanosecond() != 0 {
			return errors.New("a date with a time of day")
		}
		c.i = source.Day(*p)
		if !source.InRange(source.Date, c.i) {
			return errRange
		}
		return nil
	}
}

func loadBool(p *bool) loader {
	return func(c *cell) error {
		c.i = int64(boolInt(*p))
		return nil
	}
}

func loadFloat[T float32 | float64](p *T) loader {
	return func(c *cell) error {
		c.f = float64(*p)
		return nil
	}
}

func loadUUID(p *[16]byte) loader {
	return func(c *cell) error {
		c.u = *p
		return nil
	}
}

func loadBytes(p *[]byte) loader {
	return func(c *cell) error {
		c.s, c.b, c.null = "", *p, *p == nil
		return nil
	}
}

func loadString(p *string, kind source.Kind, round bool) loader {
	switch kind.Base() {
	case source.String, source.JSON, source.Bytes:
		return func(c *cell) error {
			c.s, c.b = *p, nil
			return nil
		}
	case source.AnyDecimal:
		return func(c *cell) error {
			x, err := source.ParseDecimal(*p, kind.Precision(), kind.Scale(), round)
			c.i, c.lo = x.Hi, x.Lo
			return err
		}
	case source.UUID:
		return func(c *cell) (err error) {
			c.u, err = source.ParseUUID(*p)
			return err
		}
	}
	return nil
}

func loadInteger(v reflect.Value, kind source.Kind) loader {
	switch v.Kind() {
	case reflect.Int:
		return loadSigned(pointer[int](v), kind)
	case reflect.Int8:
		return loadSigned(pointer[int8](v), kind)
	case reflect.Int16:
		return loadSigned(pointer[int16](v), kind)
	case reflect.Int32:
		return loadSigned(pointer[int32](v), kind)
	case reflect.Int64:
		return loadSigned(pointer[int64](v), kind)
	case reflect.Uint8:
		return loadUnsigned(pointer[uint8](v), kind)
	case reflect.Uint16:
		return loadUnsigned(pointer[uint16](v), kind)
	case reflect.Uint32:
		return loadUnsigned(pointer[uint32](v), kind)
	case reflect.Uint64:
		return loadUnsigned(pointer[uint64](v), kind)
	case reflect.Uint:
		return loadUnsigned(pointer[uint](v), kind)
	default:
		return loadUnsigned(pointer[uintptr](v), kind)
	}
}

func loadSigned[T int | int8 | int16 | int32 | int64](p *T, kind source.Kind) loader {
	switch kind.Base() {
	case source.Int64:
		return func(c *cell) error {
			c.i = int64(*p)
			return nil
		}
	case source.AnyDecimal:
		return func(c *cell) error {
			x := source.Int128From(int64(*p))
			c.i, c.lo = x.Hi, x.Lo
			return fits(x, kind)
		}
	}
	return nil
}

func loadUnsigned[T uint | uint8 | uint16 | uint32 | uint64 | uintptr](p *T, kind source.Kind) loader {
	switch kind.Base() {
	case source.Int64:
		return func(c *cell) error {
			if c.i = int64(*p); c.i < 0 {
				return errors.New("over the range of int64: declare it decimal(20,0)")
			}
			return nil
		}
	case source.AnyDecimal:
		return func(c *cell) error {
			x := source.Int128{Lo: uint64(*p)}
			c.i, c.lo = x.Hi, x.Lo
			return fits(x, kind)
		}
	}
	return nil
}
