package chunk

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/word"
)

// closePage encodes the page, if it has cells, and keeps it.
func (c *Column) closePage(e *Encoder) error {
	if c.rows > 0 {
		if err := c.encodePage(e); err != nil {
			return fmt.Errorf("parquetfmt: encode a page of column %q: %w", c.field.Name, err)
		}
	}
	if c.full || c.useDict && c.texts == nil && !c.roomForPage() {
		c.full, c.useDict = false, false
	}
	return nil
}

func (c *Column) encodePage(e *Encoder) error {
	if err := c.judgeDictionary(e); err != nil {
		return err
	}
	body, encoding, err := c.pageBody(e)
	if err != nil {
		return err
	}
	header := parquet.PageHeader{
		Type: parquet.DataPage,
		DataPageHeader: thrift.New(parquet.DataPageHeader{
			NumValues:               int32(c.rows),
			Encoding:                encoding,
			DefinitionLevelEncoding: parquet.RLE,
			RepetitionLevelEncoding: parquet.RLE,
		}),
	}
	raw, err := e.appendPage(&c.pages, c.pool, &header, body)
	if err != nil {
		return err
	}
	c.pagesOf[encoding]++
	c.rawSize += raw
	c.cells += int64(c.rows)
	c.cellNulls += int64(c.nulls)
	c.resetPage()
	e.trim(4 * max(c.layout.PageBytes, c.layout.DictionaryBytes))
	return nil
}

// resetPage empties the page. A buffer that one huge cell has stretched is not
// kept.
func (c *Column) resetPage() {
	c.rows, c.nulls, c.bools = 0, 0, 0
	c.levels, c.numbers, c.ints, c.lengths = c.levels[:0], c.numbers[:0], c.ints[:0], c.lengths[:0]
	c.data = shrink(c.data, 4*c.layout.PageBytes)
	if c.dict != nil {
		c.dictStart = c.dict.Len()
	}
}

// onTrial reports whether the dictionary has not yet proved its worth: until the
// end of the first page with values.
func (c *Column) onTrial() bool { return c.useDict && c.pagesOf[parquet.RLEDictionary] == 0 }

// roomForPage reports whether the dictionary could take a page of new words.
func (c *Column) roomForPage() bool {
	return c.dict.Size()+c.layout.PageBytes <= c.layout.DictionaryBytes
}

// judgeDictionary drops the dictionary when its trial ends and shows that it
// does not pay, and uses it no more for the pages that come when it has ceased
// to.
func (c *Column) judgeDictionary(e *Encoder) error {
	if len(c.numbers) == 0 {
		return nil
	}
	if !c.onTrial() {
		c.useDict = c.dictionaryPays()
		return nil
	}
	size, err := c.valuesSize(e)
	if err != nil {
		return err
	}
	c.valueBits = 8 * size / len(c.numbers)
	if c.useDict = c.dictionaryPays(); c.useDict {
		c.failed = 0
		return nil
	}
	c.failed = min(c.failed+1, maxFailed)
	c.wait = 1<<c.failed - 1
	c.numbers = nil
	c.dict.Release()
	return nil
}

// maxFailed bounds how long a column waits for its next trial, at 15 row groups.
const maxFailed = 4

// dictionaryBits is about what a dictionary adds to a column chunk beside its
// values.
const dictionaryBits = 8 * 64

// dictionaryPays reports whether the values that repeat save at least twice the
// bits that the numbers of all take. What counts is the last half of the page,
// since the first values of a column chunk are new in any column.
func (c *Column) dictionaryPays() bool {
	half := len(c.numbers) / 2
	known := int32(c.dictStart)
	for _, n := range c.numbers[:half] { // numbers are given in order
		known = max(known, n+1)
	}
	count := len(c.numbers) - half
	repeats := count - (c.dict.Len() - int(known))
	return repeats*c.valueBits >= 2*count*c.numberBits()+dictionaryBits
}

// numberBits returns the bits of a number of the dictionary.
func (c *Column) numberBits() int { return max(1, bits.Len(uint(c.dict.Len()-1))) }

// valuesSize returns the bytes of the page's values without a dictionary.
func (c *Column) valuesSize(e *Encoder) (int, error) {
	switch {
	case c.layout.NoDelta:
		return len(c.data) + 4*len(c.lengths) + c.width*len(c.ints), nil
	case len(c.ints) > 0:
		encoded, err := e.deltaInts(c.ints, c.width)
		return len(encoded), err
	default:
		return len(c.data) + len(c.lengths), nil
	}
}

// pageBody returns levels and values as the page holds them. The result is valid
// until the encoder's next call.
func (c *Column) pageBody(e *Encoder) (body []byte, encoding parquet.Encoding, err error) {
	body = e.body[:0]
	if !c.field.Required {
		if body, err = c.appendLevels(e, body); err != nil {
			return nil, 0, err
		}
	}
	switch {
	case len(c.numbers) > 0:
		encoding = parquet.RLEDictionary
		width := c.numberBits()
		e.runs, err = (&rle.Encoding{BitWidth: width}).EncodeInt32(e.runs, c.numbers)
		body = append(append(body, byte(width)), e.runs...)
	case len(c.ints) > 0 && !c.layout.NoDelta:
		encoding = parquet.DeltaBinaryPacked
		e.runs, err = e.deltaInts(c.ints, c.width)
		body = append(body, e.runs...)
	case len(c.lengths) > 0 && !c.layout.NoDelta:
		encoding = parquet.DeltaLengthByteArray
		e.runs, err = e.deltaLengths(c.lengths)
		body = append(append(body, e.runs...), c.data...)
	default:
		body = c.appendPlain(body)
	}
	e.body = body
	return body, encoding, err
}

// appendPlain appends the values in the PLAIN encoding.
func (c *Column) appendPlain(body []byte) []byte {
	for _, x := range c.ints {
		body = word.AppendInt(body, uint64(x), c.width)
	}
	if c.width > 0 {
		return append(body, c.data...)
	}
	at := 0
	for _, n := range c.lengths {
		body = appendByteArray(body, c.data[at:at+int(n)])
		at += int(n)
	}
	return body
}

// appendLevels appends which of the cells are null, behind its length.
func (c *Column) appendLevels(e *Encoder, body []byte) ([]byte, error) {
	if c.nulls == 0 { // one run of values
		e.runs = append(binary.AppendUvarint(e.runs[:0], uint64(c.rows)<<1), 1)
		return appendByteArray(body, e.runs), nil
	}
	var err error
	if e.runs, err = (&rle.Encoding{BitWidth: 1}).EncodeLevels(e.runs, c.levels); err != nil {
		return nil, err
	}
	return appendByteArray(body, e.runs), nil
}

func (c *Column) appendDictionary(e *Encoder) error {
	header := parquet.PageHeader{
		Type: parquet.DictionaryPage,
		DictionaryPageHeader: thrift.New(parquet.DictionaryPageHeader{
			NumValues: int32(c.dict.Len()),
			Encoding:  parquet.Plain,
		}),
	}
	e.body = c.dict.Page(e.body[:0])
	raw, err := e.appendPage(&c.pages, c.pool, &header, e.body)
	if err != nil {
		return fmt.Errorf("parquetfmt: encode the dictionary of column %q: %w", c.field.Name, err)
	}
	c.rawSize += raw
	return nil
}
