package source

import (
	"errors"
	"fmt"
	"math"
)

// A Vector is one column of a [Batch]: as many cells as the batch has rows,
// all of one kind. Which append method and which accessor belong to a kind:
//
//	Bool                          AppendBool      Bools
//	Int64, Date, Timestamp,
//	DateTime                      AppendInt64     Int64s
//	Float64                       AppendFloat64   Float64s
//	Decimal                       AppendDecimal   Int64s (high), Uint64s (low)
//	String, Bytes, JSON           AppendBytes,    Bytes(i), Data and Offsets
//	                              AppendString
//	UUID                          AppendUUID      UUIDs
//
// A null cell is present in the data as a zero value. The append methods do
// not check that they fit the kind, and they copy what they are given.
type Vector struct {
	kind     Kind
	n        int
	nulls    []uint64 // bit set = null
	nullN    int
	bools    []bool
	int64s   []int64
	uint64s  []uint64
	float64s []float64
	uuids    [][16]byte
	data     []byte
	offsets  []uint32 // n+1 of them for variable kinds
	vouched  int      // so many cells from the first on
}

func (v *Vector) reset() {
	v.n, v.nullN, v.vouched = 0, 0, 0
	v.nulls = v.nulls[:0]
	v.bools, v.int64s, v.uint64s = v.bools[:0], v.int64s[:0], v.uint64s[:0]
	v.float64s, v.uuids, v.data = v.float64s[:0], v.uuids[:0], v.data[:0]
	if v.kind.Variable() {
		v.offsets = append(v.offsets[:0], 0)
	}
}

// Kind returns the kind of the cells.
func (v *Vector) Kind() Kind { return v.kind }

// Len returns the number of cells.
func (v *Vector) Len() int { return v.n }

// Nulls returns how many cells are null.
func (v *Vector) Nulls() int { return v.nullN }

// Null reports whether cell i is null.
func (v *Vector) Null(i int) bool {
	return v.nullN > 0 && v.nulls[i>>6]&(1<<(i&63)) != 0
}

func (v *Vector) grow(null bool) {
	if v.n&63 == 0 {
		v.nulls = append(v.nulls, 0)
	}
	if null {
		v.nulls[v.n>>6] |= 1 << (v.n & 63)
		v.nullN++
	}
	v.n++
}

// AppendNull appends a null cell.
func (v *Vector) AppendNull() {
	v.grow(true)
	switch v.kind.Base() {
	case Bool:
		v.bools = append(v.bools, false)
	case Int64, Date, Timestamp, DateTime:
		v.int64s = append(v.int64s, 0)
	case AnyDecimal:
		v.int64s, v.uint64s = append(v.int64s, 0), append(v.uint64s, 0)
	case Float64:
		v.float64s = append(v.float64s, 0)
	case UUID:
		v.uuids = append(v.uuids, [16]byte{})
	default:
		v.offsets = append(v.offsets, uint32(len(v.data)))
	}
}

// AppendBool appends a cell of a Bool vector.
func (v *Vector) AppendBool(x bool) { v.grow(false); v.bools = append(v.bools, x) }

// AppendInt64 appends a cell of an Int64, Date (days), Timestamp or DateTime (microseconds) vector.
func (v *Vector) AppendInt64(x int64) { v.grow(false); v.int64s = append(v.int64s, x) }

// AppendFloat64 appends a cell of a Float64 vector.
func (v *Vector) AppendFloat64(x float64) { v.grow(false); v.float64s = append(v.float64s, x) }

// AppendDecimal appends a cell of a Decimal vector: the number times
// 10^scale, as a two's complement 128-bit integer. The caller sees to it that
// it has no more digits than the kind's precision, see [Int128.Fits].
func (v *Vector) AppendDecimal(x Int128) {
	v.grow(false)
	v.int64s, v.uint64s = append(v.int64s, x.Hi), append(v.uint64s, x.Lo)
}

// AppendUUID appends a cell of a UUID vector.
func (v *Vector) AppendUUID(x [16]byte) { v.grow(false); v.uuids = append(v.uuids, x) }

// AppendBytes appends a cell of a String, Bytes or JSON vector. It returns an
// error, and appends nothing, when x is longer than [MaxCell] or the vector
// has no room for it (4 GiB a batch).
func (v *Vector) AppendBytes(x []byte) error {
	if err := v.room(len(x)); err != nil {
		return err
	}
	v.grow(false)
	v.data = append(v.data, x...)
	v.offsets = append(v.offsets, uint32(len(v.data)))
	return nil
}

// AppendString is AppendBytes for a string.
func (v *Vector) AppendString(x string) error {
	if err := v.room(len(x)); err != nil {
		return err
	}
	v.grow(false)
	v.data = append(v.data, x...)
	v.offsets = append(v.offsets, uint32(len(v.data)))
	return nil
}

func (v *Vector) room(n int) error {
	switch {
	case n > MaxCell:
		return fmt.Errorf("source: a cell of %d bytes is over the limit of %d", n, MaxCell)
	case uint64(len(v.data))+uint64(n) > math.MaxUint32:
		return errors.New("source: a column of a batch is over the limit of 4 GiB")
	}
	return nil
}

// Vouch says that every cell so far of a String or JSON vector is valid UTF-8, and of
// a JSON vector one JSON value each. A reader says so where its database lets nothing
// else in, and then nobody looks at each byte again.
func (v *Vector) Vouch() { v.vouched = v.n }

// Vouched reports whether [Vector.Vouch] was called for all cells that there are.
func (v *Vector) Vouched() bool { return v.vouched == v.n }

// Bools returns the cells of a Bool vector. Like all slices that a vector
// returns it is the vector's own, for reading, until the batch is reset.
func (v *Vector) Bools() []bool { return v.bools }

// Int64s returns the cells of an Int64, Date, Timestamp or DateTime vector,
// and the high halves of a Decimal vector.
func (v *Vector) Int64s() []int64 { return v.int64s }

// Uint64s returns the low halves of a Decimal vector.
func (v *Vector) Uint64s() []uint64 { return v.uint64s }

// Decimal returns cell i of a Decimal vector.
func (v *Vector) Decimal(i int) Int128 { return Int128{Hi: v.int64s[i], Lo: v.uint64s[i]} }

// Float64s returns the cells of a Float64 vector.
func (v *Vector) Float64s() []float64 { return v.float64s }

// UUIDs returns the cells of a UUID vector.
func (v *Vector) UUIDs() [][16]byte { return v.uuids }

// Bytes returns cell i of a String, Bytes or JSON vector; empty when null.
func (v *Vector) Bytes(i int) []byte {
	return v.data[v.offsets[i]:v.offsets[i+1]:v.offsets[i+1]]
}

// Data returns all cells of a String, Bytes or JSON vector end to end; cell i
// is Data()[Offsets()[i]:Offsets()[i+1]].
func (v *Vector) Data() []byte { return v.data }

// Offsets returns the Len()+1 offsets into Data.
func (v *Vector) Offsets() []uint32 { return v.offsets }
