package chunk

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/bounds"
	"github.com/exportyard/exportyard/format/parquetfmt/internal/word"
	"github.com/exportyard/exportyard/source"
)

// A fillFunc adds cells of v, from lo to at most hi, to the column's page and
// bounds. It returns how many it has taken, which are fewer when the page has
// no room for more.
type fillFunc func(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error)

// newFill returns the function of a kind.
func newFill(k source.Kind) fillFunc {
	if k.Base() == source.AnyDecimal && k.Precision() > maxPrecision64 {
		return fillWideDecimals
	}
	return fillFuncs[k.Base()]
}

// fillFuncs has the functions but for the decimals in 128 bits.
var fillFuncs = map[source.Kind]fillFunc{
	source.Bool:      fillBools,
	source.Int64:     fillInts,
	source.Float64:   fillFloats,
	source.String:    fillTexts,
	source.Bytes:     fillTexts,
	source.Date:      fillDates,
	source.Timestamp: fillInts,
	source.DateTime:  fillInts,
	source.UUID:      fillUUIDs,
	source.JSON:      fillTexts,

	source.AnyDecimal: fillNarrowDecimals,
}

// mark notes which of the cells are null. Levels are only written down from the
// first null of a page on.
func (c *Column) mark(v *source.Vector, lo, hi int) {
	before := c.rows
	c.rows += hi - lo
	if c.nulls == 0 {
		if c.field.Required || v.Nulls() == 0 || !anyNull(v, lo, hi) {
			return
		}
		c.levels = appendOnes(c.levels[:0], before)
	}
	c.levels = appendOnes(c.levels, hi-lo)
	if v.Nulls() == 0 {
		return
	}
	levels := c.levels[before:]
	for i := range levels {
		if v.Null(lo + i) {
			levels[i] = 0
			c.nulls++
		}
	}
}

func anyNull(v *source.Vector, lo, hi int) bool {
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			return true
		}
	}
	return false
}

func appendOnes(dst []byte, n int) []byte {
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	for i := range dst[start:] {
		dst[start+i] = 1
	}
	return dst
}

func fillBools(c *Column, _ *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	for i, x := range v.Bools()[lo:hi] {
		if v.Null(lo + i) {
			continue
		}
		if c.bools&7 == 0 {
			c.data = append(c.data, 0)
		}
		if x {
			c.data[len(c.data)-1] |= 1 << (c.bools & 7)
		}
		c.bools++
		c.bounds.AddBool(x)
	}
	return hi - lo, nil
}

func fillInts(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	if v.Nulls() == 0 {
		c.takeInts(v.Int64s()[lo:hi])
		return hi - lo, nil
	}
	ints := e.ints[:0]
	for i, x := range v.Int64s()[lo:hi] {
		if !v.Null(lo + i) {
			ints = append(ints, x)
		}
	}
	e.ints = ints
	c.takeInts(ints)
	return hi - lo, nil
}

func fillDates(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	for _, x := range v.Int64s()[lo:hi] { // a null is 0
		if x != int64(int32(x)) {
			return 0, c.dataError("a date beyond 32 bits of days")
		}
	}
	return fillInts(c, e, v, lo, hi)
}

// fillNarrowDecimals writes decimals of at most 18 digits as integers.
func fillNarrowDecimals(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	ints := e.ints[:0]
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
		ints = append(ints, x)
	}
	e.ints = ints
	c.takeInts(ints)
	return hi - lo, nil
}

// takeInts adds integers to the bounds, to the dictionary, and to the page,
// where they are not needed once a dictionary is out of its trial.
func (c *Column) takeInts(ints []int64) {
	c.bounds.AddInts(ints)
	if c.useDict {
		numbers := slices.Grow(c.numbers, len(ints))
		for _, x := range ints {
			numbers = append(numbers, c.words.Number(word.Word{Lo: uint64(x)}))
		}
		c.numbers = numbers
	}
	if !c.useDict || c.onTrial() {
		c.ints = append(c.ints, ints...)
	}
}

func fillFloats(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	words := e.words[:0]
	for i, x := range v.Float64s()[lo:hi] {
		if !v.Null(lo + i) {
			words = append(words, word.Word{Lo: math.Float64bits(x)})
			c.bounds.AddFloat(x)
		}
	}
	c.takeWords(e, words)
	return hi - lo, nil
}

func fillUUIDs(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	words, uuids := e.words[:0], v.UUIDs()
	for i := lo; i < hi; i++ {
		if !v.Null(i) {
			words = append(words, word.Word{Hi: binary.BigEndian.Uint64(uuids[i][:8]), Lo: binary.BigEndian.Uint64(uuids[i][8:])})
		}
	}
	c.bounds.AddWords(words, 0)
	c.takeWords(e, words)
	return hi - lo, nil
}

func fillWideDecimals(c *Column, e *Encoder, v *source.Vector, lo, hi int) (int, error) {
	c.mark(v, lo, hi)
	words, precision := e.words[:0], c.field.Kind.Precision()
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			continue
		}
		x := v.Decimal(i)
		if !x.Fits(precision) {
			return 0, c.dataError("more digits than " + c.field.Kind.String())
		}
		words = append(words, word.Word{Hi: uint64(x.Hi), Lo: x.Lo})
	}
	c.bounds.AddWords(words, bounds.SignBit)
	c.takeWords(e, words)
	return hi - lo, nil
}

// takeWords does the same for words, but for the bounds.
func (c *Column) takeWords(e *Encoder, words []word.Word) {
	e.words = words
	if c.useDict {
		numbers := slices.Grow(c.numbers, len(words))
		for _, w := range words {
			numbers = append(numbers, c.words.Number(w))
		}
		c.numbers = numbers
	}
	if !c.useDict || c.onTrial() {
		data := slices.Grow(c.data, c.width*len(words))
		for _, w := range words {
			data = w.Append(data, c.width)
		}
		c.data = data
	}
}

// fillTexts writes cells with lengths of their own, up to the page's size: as
// they are, or as numbers of dictionary entries.
func fillTexts(c *Column, _ *Encoder, v *source.Vector, lo, hi int) (int, error) {
	if c.useDict {
		return c.fillNumbers(v, lo, hi)
	}
	offsets := v.Offsets()
	end := int(offsets[lo]) + c.layout.PageBytes - len(c.data)
	n := min(hi-lo, 1+sort.Search(hi-lo, func(i int) bool { return int(offsets[lo+i+1]) >= end }))
	c.mark(v, lo, lo+n)
	c.data = append(c.data, v.Data()[offsets[lo]:offsets[lo+n]]...)
	bounded := c.field.Kind != source.JSON
	for i := lo; i < lo+n; i++ {
		if v.Null(i) {
			continue
		}
		c.lengths = append(c.lengths, int32(offsets[i+1]-offsets[i]))
		if bounded {
			c.bounds.AddBytes(v.Bytes(i))
		}
	}
	return n, nil
}

// fillNumbers adds cells to the dictionary as long as it has room, and during
// its trial to the page as well. A cell without room ends the page, and the
// others of the column chunk hold the cells themselves.
func (c *Column) fillNumbers(v *source.Vector, lo, hi int) (int, error) {
	trial, i := c.onTrial(), lo
	for ; i < hi && len(c.data) < c.layout.PageBytes; i++ {
		if v.Null(i) {
			continue
		}
		cell := v.Bytes(i)
		n, added, ok := c.texts.Number(cell)
		if !ok {
			c.full = true
			break
		}
		c.numbers = append(c.numbers, n)
		if added {
			c.bounds.AddBytes(cell)
		}
		if trial {
			c.data = append(c.data, cell...)
			c.lengths = append(c.lengths, int32(len(cell)))
		}
	}
	c.mark(v, lo, i)
	return i - lo, nil
}

func (c *Column) dataError(rule string) error {
	return &source.DataError{Column: c.field.Name, Rule: rule}
}
