package chunk

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/exportyard/exportyard/source"
)

// A fillFunc adds cells of v, from lo to at most hi, to the column's page and
// bounds. It returns how many it has taken, which are fewer when the page has
// no room for more.
type fillFunc func(c *Column, v *source.Vector, lo, hi int) (int, error)

// newFill returns the function of a kind.
func newFill(k source.Kind) fillFunc {
	if k.Base() == source.AnyDecimal && k.Precision() > maxPrecision64 {
		return fillWideDecimal
	}
	return fillFuncs[k.Base()]
}

// fillFuncs has the functions but for the decimals in 128 bits.
var fillFuncs = map[source.Kind]fillFunc{
	source.Bool:      fillBool,
	source.Int64:     fillInt64,
	source.Float64:   fillFloat64,
	source.String:    fillString,
	source.Bytes:     fillBytes,
	source.Date:      fillDate,
	source.Timestamp: fillInt64,
	source.DateTime:  fillInt64,
	source.UUID:      fillUUID,
	source.JSON:      fillBytes,

	source.AnyDecimal: fillNarrowDecimal,
}

// mark notes which of the cells are null.
func (c *Column) mark(v *source.Vector, lo, hi int) {
	c.rows += hi - lo
	if c.field.Required {
		return
	}
	start := len(c.levels)
	c.levels = slices.Grow(c.levels, hi-lo)[:start+hi-lo]
	levels := c.levels[start:]
	for i := range levels {
		levels[i] = 1
	}
	if v.Nulls() == 0 {
		return
	}
	for i := range levels {
		if v.Null(lo + i) {
			levels[i] = 0
			c.nulls++
		}
	}
}

func fillBool(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	for i, x := range v.Bools()[lo:hi] {
		if v.Null(lo + i) {
			continue
		}
		c.appendBool(x)
		if x {
			c.bounds.addInt(1)
		} else {
			c.bounds.addInt(0)
		}
	}
	return hi - lo, nil
}

func fillInt64(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	page := slices.Grow(c.plain, 8*(hi-lo))
	for i, x := range v.Int64s()[lo:hi] {
		if v.Null(lo + i) {
			continue
		}
		page = binary.LittleEndian.AppendUint64(page, uint64(x))
		c.bounds.addInt(x)
	}
	c.plain = page
	return hi - lo, nil
}

func fillDate(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	for i, x := range v.Int64s()[lo:hi] {
		if v.Null(lo + i) {
			continue
		}
		if x != int64(int32(x)) {
			return 0, c.dataError("a date beyond 32 bits of days")
		}
		c.appendInt(x)
		c.bounds.addInt(x)
	}
	return hi - lo, nil
}

func fillFloat64(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	page := slices.Grow(c.plain, 8*(hi-lo))
	for i, x := range v.Float64s()[lo:hi] {
		if v.Null(lo + i) {
			continue
		}
		page = binary.LittleEndian.AppendUint64(page, math.Float64bits(x))
		c.bounds.addFloat(x)
	}
	c.plain = page
	return hi - lo, nil
}

// fillNarrowDecimal writes decimals of at most 18 digits as integers.
func fillNarrowDecimal(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	highs, lows := v.Int64s(), v.Uint64s()
	limit := int64(math.Pow10(c.field.Kind.Precision())) // exact up to 10^22
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			continue
		}
		x := int64(lows[i])
		if highs[i] != x>>63 || x >= limit || x <= -limit {
			return 0, c.dataError("more digits than " + c.field.Kind.String())
		}
		c.appendInt(x)
		c.bounds.addInt(x)
	}
	return hi - lo, nil
}

func fillWideDecimal(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	precision := c.field.Kind.Precision()
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			continue
		}
		x := v.Decimal(i)
		if !x.Fits(precision) {
			return 0, c.dataError("more digits than " + c.field.Kind.String())
		}
		c.plain = appendWide(c.plain, x)
		c.bounds.addWide(x)
	}
	return hi - lo, nil
}

func fillUUID(c *Column, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	uuids := v.UUIDs()
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			continue
		}
		c.plain = append(c.plain, uuids[i][:]...)
		c.bounds.addBytes(uuids[i][:])
	}
	return hi - lo, nil
}

// fillBytes writes cells with lengths of their own, up to the page's size.
func fillBytes(c *Column, v *source.Vector, lo, hi int) (int, error) {
	bounded := c.field.Kind != source.JSON
	i := lo
	for ; i < hi && len(c.plain) < c.enc.limits.PageBytes; i++ {
		if v.Null(i) {
			continue
		}
		cell := v.Bytes(i)
		c.plain = appendByteArray(c.plain, cell)
		if bounded {
			c.bounds.addBytes(cell)
		}
	}
	c.mark(v, lo, i)
	return i - lo, nil
}

// fillString writes numbers of dictionary entries as long as the dictionary
// has room; at the first string without room the page ends, and the others of
// the column chunk hold the strings themselves.
func fillString(c *Column, v *source.Vector, lo, hi int) (int, error) {
	if !c.useDict {
		return fillBytes(c, v, lo, hi)
	}
	i, full := lo, false
	for ; i < hi; i++ {
		if v.Null(i) {
			continue
		}
		cell := v.Bytes(i)
		n, added, ok := c.dict.number(cell)
		if !ok {
			full = true
			break
		}
		c.numbers = append(c.numbers, n)
		if added {
			c.bounds.addBytes(cell)
			if c.onTrial() {
				i++
				break
			}
		}
	}
	c.mark(v, lo, i)
	if !full {
		return i - lo, nil
	}
	err := c.closePage()
	c.useDict = false
	return i - lo, err
}

func (c *Column) dataError(rule string) error {
	return &source.DataError{Column: c.field.Name, Rule: rule}
}

// appendBool appends a value to the bits of a Bool page.
func (c *Column) appendBool(x bool) {
	if c.bools&7 == 0 {
		c.plain = append(c.plain, 0)
	}
	if x {
		c.plain[len(c.plain)-1] |= 1 << (c.bools & 7)
	}
	c.bools++
}

// appendInt appends a value in 4 or 8 bytes.
func (c *Column) appendInt(x int64) {
	if c.width == 4 {
		c.plain = binary.LittleEndian.AppendUint32(c.plain, uint32(x))
	} else {
		c.plain = binary.LittleEndian.AppendUint64(c.plain, uint64(x))
	}
}
