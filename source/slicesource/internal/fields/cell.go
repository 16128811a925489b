package fields

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// A Cell is one value of any kind, loaded from a struct field. Which members
// count is a matter of the kind; the others are zero. It is reused from row to
// row and allocates nothing.
type Cell struct {
	// Null says that there is no value.
	Null bool
	// Int is the cell of an Int64, Date, Timestamp or DateTime, of a Bool (0, 1),
	// and the high half of a Decimal.
	Int int64

	lo uint64
	f  float64
	u  [16]byte
	s  string // String, Bytes, JSON when the field is a string
	b  []byte // the same when the field is a slice of bytes
}

// AppendTo appends the cell to a vector of its kind.
func (c *Cell) AppendTo(v *source.Vector) error {
	if c.Null {
		v.AppendNull()
		return nil
	}
	switch v.Kind().Base() {
	case source.Bool:
		v.AppendBool(c.Int != 0)
	case source.Int64, source.Date, source.Timestamp, source.DateTime:
		v.AppendInt64(c.Int)
	case source.Float64:
		v.AppendFloat64(c.f)
	case source.AnyDecimal:
		v.AppendDecimal(source.Int128{Hi: c.Int, Lo: c.lo})
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

// Take fills the cell from row i of a vector, sharing no memory with it.
func (c *Cell) Take(v *source.Vector, i int) {
	c.View(v, i)
	if c.b != nil {
		c.s, c.b = string(c.b), nil
	}
}

// View fills the cell from row i of a vector, for as long as the vector stays.
func (c *Cell) View(v *source.Vector, i int) {
	*c = Cell{Null: v.Null(i)}
	if c.Null {
		return
	}
	switch v.Kind().Base() {
	case source.Bool:
		if v.Bools()[i] {
			c.Int = 1
		}
	case source.Int64, source.Date, source.Timestamp, source.DateTime:
		c.Int = v.Int64s()[i]
	case source.Float64:
		c.f = v.Float64s()[i]
	case source.AnyDecimal:
		c.Int, c.lo = v.Int64s()[i], v.Uint64s()[i]
	case source.UUID:
		c.u = v.UUIDs()[i]
	default:
		c.b = v.Bytes(i)
	}
}

// Text returns the cell's text, see [source.AppendText].
func (c *Cell) Text(k source.Kind) (string, error) {
	v := scratch(k)
	if err := c.AppendTo(v); err != nil {
		return "", err
	}
	return string(source.AppendText(nil, v, 0)), nil
}

// Parse returns the cell that a text stands for, see [source.ParseText].
func Parse(k source.Kind, text string) (c Cell, err error) {
	v := scratch(k)
	if err := source.ParseText(v, text); err != nil {
		return c, err
	}
	c.Take(v, 0)
	return c, nil
}

// scratch returns an empty vector of that kind.
func scratch(k source.Kind) *source.Vector {
	return source.NewBatch(source.Schema{{Name: "scratch", Kind: k}}, 1, 0).Col(0)
}

// Keep copies the cell so that it outlives the row.
func (c *Cell) Keep(from *Cell) {
	b := c.b
	*c = *from
	if from.b != nil {
		c.b = append(b[:0], from.b...)
	}
}

// Compare orders two cells of a kind: numbers by value, texts by their bytes,
// UUIDs by theirs; a null comes first.
func Compare(k source.Kind, a, b *Cell) int {
	if a.Null || b.Null {
		return boolInt(b.Null) - boolInt(a.Null)
	}
	switch k.Base() {
	case source.Bool, source.Int64, source.Date, source.Timestamp, source.DateTime:
		return cmp.Compare(a.Int, b.Int)
	case source.Float64:
		return cmp.Compare(a.f, b.f)
	case source.AnyDecimal:
		return source.Int128{Hi: a.Int, Lo: a.lo}.Cmp(source.Int128{Hi: b.Int, Lo: b.lo})
	case source.UUID:
		return bytes.Compare(a.u[:], b.u[:])
	default:
		return compareText(a, b)
	}
}

func compareText(a, b *Cell) int {
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
