package scan

import (
	"database/sql"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A cell is the destination of one column: what the driver gives is appended
// to the vector, or refused. database/sql hands a Scanner the driver's own
// value, so that nothing is copied on the way.
type cell struct {
	vec     *source.Vector
	dataset string
	field   source.Field
	form    stored.Form // of a time, when declared
	typed   bool        // numbers come as numbers: a text is none
}

var _ sql.Scanner = (*cell)(nil)

// Scan appends one cell.
func (c *cell) Scan(src any) error {
	if src == nil {
		if c.field.Required {
			return c.wrong("a null in a required column", nil)
		}
		c.vec.AppendNull()
		return nil
	}
	switch c.field.Kind.Base() {
	case source.Bool:
		return c.bool(src)
	case source.Int64:
		return c.int64(src)
	case source.Float64:
		return c.float64(src)
	case source.AnyDecimal:
		return c.decimal(src)
	case source.UUID:
		return c.uuid(src)
	case source.String, source.Bytes, source.JSON:
		return c.variable(src)
	default:
		return c.temporal(src)
	}
}

func (c *cell) wrong(rule string, err error) error {
	return &source.DataError{Dataset: c.dataset, Column: c.field.Name, Rule: rule, Err: err}
}

func (c *cell) unfit(src any) error {
	what := "a value of another type"
	switch src.(type) {
	case int64, uint64:
		what = "an integer"
	case float64, float32:
		what = "a floating-point number"
	case string:
		what = "a text"
	case []byte:
		what = "bytes"
	case time.Time:
		what = "a time"
	case bool:
		what = "a bool"
	}
	return c.wrong(what+" that is no "+c.field.Kind.String(), nil)
}

func (c *cell) bool(src any) error {
	switch x := src.(type) {
	case bool:
		c.vec.AppendBool(x)
		return nil
	case int64:
		if x == 0 || x == 1 {
			c.vec.AppendBool(x == 1)
			return nil
		}
	case []byte: // MySQL: a bit, or a digit
		if len(x) == 1 && (x[0] <= 1 || x[0] == '0' || x[0] == '1') {
			c.vec.AppendBool(x[0]&1 == 1)
			return nil
		}
	}
	return c.unfit(src)
}

func (c *cell) int64(src any) error {
	switch x := src.(type) {
	case int64:
		c.vec.AppendInt64(x)
		return nil
	case uint64:
		if x <= math.MaxInt64 {
			c.vec.AppendInt64(int64(x))
			return nil
		}
	case []byte:
		return c.integerText(string(x))
	case string:
		return c.integerText(x)
	}
	return c.unfit(src)
}

func (c *cell) integerText(text string) error {
	x, err := strconv.ParseInt(text, 10, 64)
	if err != nil || c.typed {
		return c.unfit(text)
	}
	c.vec.AppendInt64(x)
	return nil
}

func (c *cell) float64(src any) error {
	switch x := src.(type) {
	case float64:
		c.vec.AppendFloat64(x)
		return nil
	case float32:
		c.vec.AppendFloat64(float64(x))
		return nil
	case int64:
		if f := float64(x); f < 1<<63 && int64(f) == x {
			c.vec.AppendFloat64(f)
			return nil
		}
	case []byte:
		return c.floatText(string(x))
	case string:
		return c.floatText(x)
	}
	return c.unfit(src)
}

func (c *cell) floatText(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || c.typed {
		return c.unfit(text)
	}
	c.vec.AppendFloat64(x)
	return nil
}

func (c *cell) decimal(src any) error {
	var buf [32]byte
	switch x := src.(type) {
	case []byte:
		return decimalCell(c, x)
	case string:
		return decimalCell(c, x)
	case int64:
		return decimalCell(c, strconv.AppendInt(buf[:0], x, 10))
	case uint64:
		return decimalCell(c, strconv.AppendUint(buf[:0], x, 10))
	case float64:
		// The shortest digits that read back equal are what was meant: 0.99.
		return decimalCell(c, strconv.AppendFloat(buf[:0], x, 'g', -1, 64))
	}
	return c.unfit(src)
}

func decimalCell[T string | []byte](c *cell, text T) error {
	k := c.field.Kind
	x, err := source.ParseDecimal(text, k.Precision(), k.Scale(), c.field.Round)
	if err == nil {
		c.vec.AppendDecimal(x)
		return nil
	}
	if len(text) == 3 && string(text) == "NaN" {
		if c.field.NullNaN && !c.field.Required {
			c.vec.AppendNull()
			return nil
		}
		return c.wrong("NaN in a decimal column", nil)
	}
	return c.wrong("not a "+k.String(), err)
}

func (c *cell) uuid(src any) error {
	var u [16]byte
	var err error
	switch x := src.(type) {
	case string:
		u, err = source.ParseUUID(x)
	case []byte:
		if len(x) == 16 {
			copy(u[:], x)
		} else {
			u, err = source.ParseUUID(x)
		}
	case [16]byte:
		u = x
	default:
		return c.unfit(src)
	}
	if err != nil {
		return c.unfit(src)
	}
	c.vec.AppendUUID(u)
	return nil
}

// variable appends texts and bytes as they are. On SQLite, where a column may
// hold anything, a number in a String or Bytes column is the text of its digits.
func (c *cell) variable(src any) (err error) {
	switch x := src.(type) {
	case string:
		err = c.vec.AppendString(x)
	case []byte:
		if c.typed && c.field.Kind == source.String {
			return c.unfit(src)
		}
		err = c.vec.AppendBytes(x)
	case int64:
		var buf [32]byte
		err = c.number(strconv.AppendInt(buf[:0], x, 10))
	case float64:
		var buf [32]byte
		err = c.number(source.AppendFloat(buf[:0], x))
	default:
		return c.unfit(src)
	}
	if err == nil {
		return nil
	}
	// Behind the check: the variable is on the heap, and there is one a cell.
	var bad *source.DataError
	if !errors.As(err, &bad) {
		return c.wrong("the cell is too long", err)
	}
	return err
}

func (c *cell) number(digits []byte) error {
	if !c.typed {
		return c.wrong("a number that is no "+c.field.Kind.String(), nil)
	}
	return c.vec.AppendBytes(digits)
}

func (c *cell) temporal(src any) error {
	switch x := src.(type) {
	case time.Time:
		return c.time(x)
	case string:
		return temporalText(c, x)
	case []byte:
		return temporalText(c, x)
	case int64:
		return c.unix(x)
	}
	return c.unfit(src)
}

// time appends a driver's time: the instant of a Timestamp, else what the
// clock shows.
func (c *cell) time(t time.Time) error {
	if c.field.Kind != source.Timestamp {
		y, m, d := t.Date()
		t = time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	return c.micros(t.UnixMicro(), int64(t.Nanosecond()%1000))
}

func (c *cell) unix(x int64) error {
	unit := c.form.Unit
	if unit == 0 {
		return c.wrong("an integer in a "+c.field.Kind.String()+" column: declare its unit in TimeStorage or Storage", nil)
	}
	if x > source.MaxMicro/unit || x < source.MinMicro/unit {
		return c.outside()
	}
	return c.micros(x*unit, 0)
}

func temporalText[T string | []byte](c *cell, text T) error {
	st, ok := stored.ParseStamp(text)
	k := c.field.Kind
	switch {
	case !ok:
		return c.wrong("a text that is no "+k.String(), nil)
	case k == source.DateTime && st.Form.Suffix != "":
		return c.wrong("a zone in a datetime column", nil)
	case c.form.Unit > 0:
		return c.wrong("a text where integers are declared", nil)
	}
	return c.micros(st.Days*stored.DayMicros+st.Micros-st.Offset*1e6, st.Nanos)
}

// micros appends a time, or the day that it is.
func (c *cell) micros(x, nanos int64) error {
	k := c.field.Kind
	if nanos != 0 {
		if !c.field.Round {
			return c.wrong("digits below a microsecond", source.ErrDigits)
		}
		if nanos > 500 || nanos == 500 && x&1 == 1 {
			x++
		}
	}
	if k == source.Date {
		if x%stored.DayMicros != 0 {
			return c.wrong("a time of day in a date column", nil)
		}
		x /= stored.DayMicros
	}
	if !source.InRange(k, x) {
		return c.outside()
	}
	c.vec.AppendInt64(x)
	return nil
}

func (c *cell) outside() error { return c.wrong("a time outside the years 1 to 9999", nil) }
