package slicesource

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// A cell is one value of any kind, loaded from a struct field. Which members
// count is a matter of the kind; the others are zero. It is reused from row to
// row and allocates nothing.
type cell struct {
	null bool
	i    int64 // Int64, Date, Timestamp, DateTime, Bool (0, 1), the high half of a Decimal
	lo   uint64
	f    float64
	u    [16]byte
	s    string // String, Bytes, JSON when the field is a string
	b    []byte // the same when the field is a slice of bytes
}

// appendTo appends the cell to a vector of its kind.
func (c *cell) appendTo(v *source.Vector) error {
	if c.null {
		v.AppendNull()
		return nil
	}
	switch v.Kind().Base() {
	case source.Bool:
		v.AppendBool(c.i != 0)
	case source.Int64, source.Date, source.Timestamp, source.DateTime:
		v.AppendInt64(c.i)
	case source.Float64:
		v.AppendFloat64(c.f)
	case source.AnyDecimal:
		v.AppendDecimal(source.Int128{Hi: c.i, Lo: c.lo})
	case source.UUID:
		v.AppendUUID(c.u)
	default:
		if c.b != nil {
			return v.AppendBytes(c.b)
		}
		return v.AppendString(c.s)
	}
	return nil
}

// take fills the cell from row i of a vector, sharing no memory with it.
func (c *cell) take(v *source.Vector, i int) {
	c.view(v, i)
	if c.b != nil {
		c.s, c.b = string(c.b), nil
	}
}

// view fills the cell from row i of a vector, for as long as the vector stays.
func (c *cell) view(v *source.Vector, i int) {
	*c = cell{null: v.Null(i)}
	if c.null {
		return
	}
	switch v.Kind().Base() {
	case source.Bool:
		if v.Bools()[i] {
			c.i = 1
		}
	case source.Int64, source.Date, source.Timestamp, source.DateTime:
		c.i = v.Int64s()[i]
	case source.Float64:
		c.f = v.Float64s()[i]
	case source.AnyDecimal:
		c.i, c.lo = v.Int64s()[i], v.Uint64s()[i]
	case source.UUID:
		c.u = v.UUIDs()[i]
	default:
		c.b = v.Bytes(i)
	}
}

// keep copies the cell so that it outlives the row.
func (c *cell) keep(from *cell) {
	b := c.b
	*c = *from
	if from.b != nil {
		c.b = append(b[:0], from.b...)
	}
}

// compare orders two cells of a kind: numbers by value, texts by their bytes,
// UUIDs by theirs; a null comes first.
func compare(k source.Kind, a, b *cell) int {
	if a.null || b.null {
		return boolInt(b.null) - boolInt(a.null)
	}
	switch k.Base() {
	case source.Bool, source.Int64, source.Date, source.Timestamp, source.DateTime:
		return cmp.Compare(a.i, b.i)
	case source.Float64:
		return cmp.Compare(a.f, b.f)
	case source.AnyDecimal:
		return source.Int128{Hi: a.i, Lo: a.lo}.Cmp(source.Int128{Hi: b.i, Lo: b.lo})
	case source.UUID:
		return bytes.Compare(a.u[:], b.u[:])
	default:
		return compareText(a, b)
	}
}

func compareText(a, b *cell) int {
	switch {
	case a.b == nil && b.b == nil:
		return strings.Compare(a.s, b.s)
	case a.b != nil && b.b != nil:
		return bytes.Compare(a.b, b.b)
	case a.b != nil:
		return -compareText(b, a)
	default: // a string and bytes, without making one of the other
		n := min(len(a.s), len(b.b))
		for i := range n {
			if a.s[i] != b.b[i] {
				return cmp.Compare(a.s[i], b.b[i])
			}
		}
		return cmp.Compare(len(a.s), len(b.b))
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
