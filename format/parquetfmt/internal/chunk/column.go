package chunk

import (
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/source"
)

// A Column collects the cells of one column into a page, and the pages into
// the column chunk of a row group.
type Column struct {
	field    source.Field
	physical parquet.Type
	width    int // bytes of a cell, 0 when it has a length of its own
	fill     fillFunc
	enc      *Encoder
	pageRows int // cells of a page

	// The page that is being filled.
	rows    int // cells, nulls included
	nulls   int
	levels  []byte  // one a cell: 0 = null, 1 = value; only of a field with nulls
	plain   []byte  // values in the PLAIN encoding
	bools   int     // values in plain, of a Bool column
	numbers []int32 // of the dictionary's entries, instead of plain

	// The column chunk.
	dict       *dictionary // nil for a kind that never has one
	useDict    bool        // for the pages that come
	pages      blockList
	cells      int64
	cellNulls  int64
	rawSize    int64 // of the pages with their headers, before compression
	plainPages int32
	dictPages  int32
	bounds     bounds
}

// NewColumn returns a column of an empty row group.
func NewColumn(f source.Field, enc *Encoder) *Column {
	c := &Column{field: f, fill: newFill(f.Kind), enc: enc}
	c.physical, c.width = Storage(f.Kind)
	c.pageRows = min(enc.limits.PageRows, enc.limits.PageBytes/max(c.width, 4)) // 4: the number of a dictionary's entry
	if f.Kind == source.String {
		c.dict, c.useDict = newDictionary(enc.limits.DictionaryBytes), true
	}
	return c
}

// Held returns the bytes in memory for this column of the row group.
func (c *Column) Held() int {
	n := c.pages.size + len(c.plain) + len(c.levels) + 4*len(c.numbers)
	if c.useDict || c.dictPages > 0 {
		n += c.dict.held()
	}
	return n
}

// Write adds cells lo to hi of v, closing pages as they fill: after a number of
// cells, and where cells have lengths of their own also at a number of bytes,
// which the fill function watches. Where a page ends depends on the cells alone,
// not on the calls that they came in. A cell that the column cannot hold is a
// [source.DataError].
func (c *Column) Write(v *source.Vector, lo, hi int) error {
	for lo < hi {
		n, err := c.fill(c, v, lo, min(hi, lo+c.pageRows-c.rows))
		if err != nil {
			return err
		}
		if lo += n; c.pageFull() {
			if err := c.closePage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Column) pageFull() bool {
	return c.rows >= c.pageRows || len(c.plain) >= c.enc.limits.PageBytes || c.onTrial()
}

// onTrial reports whether the dictionary has grown by a page's worth of strings
// and has not yet proved its worth: the first page of a column chunk ends there
// at the latest.
func (c *Column) onTrial() bool {
	return c.useDict && c.dictPages == 0 && len(c.dict.data) >= c.enc.limits.PageBytes
}

// closePage encodes the page, if it has cells, and keeps it.
func (c *Column) closePage() error {
	if c.rows == 0 {
		return nil
	}
	if c.useDict && c.dictPages == 0 && 2*c.dict.len() > len(c.numbers) {
		c.dropDictionary()
	}
	dictionary := len(c.numbers) > 0
	body, err := c.pageBody(dictionary)
	if err != nil {
		return err
	}
	header := parquet.PageHeader{
		Type: parquet.DataPage,
		DataPageHeader: thrift.New(parquet.DataPageHeader{
			NumValues:               int32(c.rows),
			Encoding:                parquet.Plain,
			DefinitionLevelEncoding: parquet.RLE,
			RepetitionLevelEncoding: parquet.RLE,
		}),
	}
	if dictionary {
		header.DataPageHeader.V.Encoding = parquet.RLEDictionary
		c.dictPages++
	} else {
		c.plainPages++
	}
	raw, err := c.enc.appendPage(&c.pages, &header, body)
	if err != nil {
		return fmt.Errorf("parquetfmt: encode a page of column %q: %w", c.field.Name, err)
	}
	c.rawSize += raw
	c.cells += int64(c.rows)
	c.cellNulls += int64(c.nulls)
	c.resetPage()
	return nil
}

// dropDictionary turns the numbers of the page back into the values that they
// stand for, when most values are new and numbers would only add to them.
func (c *Column) dropDictionary() {
	for _, n := range c.numbers {
		c.plain = appendByteArray(c.plain, c.dict.entry(n))
	}
	c.numbers, c.useDict = c.numbers[:0], false
	c.dict.reset()
}

// pageBody returns levels and values as the page holds them.
func (c *Column) pageBody(dictionary bool) ([]byte, error) {
	if c.field.Required && !dictionary {
		return c.plain, nil
	}
	e := c.enc
	var err error
	body := e.body[:0]
	if !c.field.Required {
		if e.runs, err = (&rle.Encoding{BitWidth: 1}).EncodeLevels(e.runs, c.levels); err != nil {
			return nil, fmt.Errorf("parquetfmt: encode the nulls of column %q: %w", c.field.Name, err)
		}
		body = appendByteArray(body, e.runs)
	}
	if dictionary {
		width := max(1, bits.Len(uint(c.dict.len()-1)))
		if e.runs, err = (&rle.Encoding{BitWidth: width}).EncodeInt32(e.runs, c.numbers); err != nil {
			return nil, fmt.Errorf("parquetfmt: encode the dictionary numbers of column %q: %w", c.field.Name, err)
		}
		body = append(append(body, byte(width)), e.runs...)
	} else {
		body = append(body, c.plain...)
	}
	e.body = body
	return body, nil
}

// resetPage empties the page. A buffer that one huge cell has stretched is not
// kept.
func (c *Column) resetPage() {
	c.rows, c.nulls, c.bools = 0, 0, 0
	c.levels, c.numbers = c.levels[:0], c.numbers[:0]
	c.plain = shrink(c.plain, 4*c.enc.limits.PageBytes)
	c.enc.trim()
}

// Finish writes the column chunk to w, which stands at offset in the file,
// returns the footer's description of it, and empties the column for the next
// row group. The errors of w come back as they are.
func (c *Column) Finish(w io.Writer, offset int64) (parquet.ColumnMetaData, error) {
	if err := c.closePage(); err != nil {
		return parquet.ColumnMetaData{}, err
	}
	var dict blockList
	if c.dictPages > 0 {
		if err := c.appendDictionary(&dict); err != nil {
			return parquet.ColumnMetaData{}, err
		}
	}
	meta := c.describe()
	meta.DataPageOffset = offset + int64(dict.size)
	meta.TotalCompressedSize = int64(dict.size + c.pages.size)
	if dict.size > 0 {
		meta.DictionaryPageOffset = offset
	}
	err := dict.drain(&c.enc.pool, w)
	if err == nil {
		err = c.pages.drain(&c.enc.pool, w)
	}
	c.resetChunk()
	return meta, err
}

func (c *Column) appendDictionary(dst *blockList) error {
	header := parquet.PageHeader{
		Type: parquet.DictionaryPage,
		DictionaryPageHeader: thrift.New(parquet.DictionaryPageHeader{
			NumValues: int32(c.dict.len()),
			Encoding:  parquet.Plain,
		}),
	}
	raw, err := c.enc.appendPage(dst, &header, c.dict.data)
	if err != nil {
		return fmt.Errorf("parquetfmt: encode the dictionary of column %q: %w", c.field.Name, err)
	}
	c.rawSize += raw
	return nil
}

// describe returns what the footer says of the column chunk but for its place.
func (c *Column) describe() parquet.ColumnMetaData {
	meta := parquet.ColumnMetaData{
		Type:                  c.physical,
		PathInSchema:          []string{c.field.Name},
		Codec:                 c.enc.codec.CompressionCodec(),
		NumValues:             c.cells,
		TotalUncompressedSize: c.rawSize,
	}
	meta.Statistics.NullCount = c.cellNulls
	meta.Statistics.MinValue, meta.Statistics.MaxValue = c.bounds.encode(c.field.Kind)
	if c.plainPages > 0 || c.dictPages > 0 {
		meta.Encoding = append(meta.Encoding, parquet.Plain) // dictionary pages are PLAIN too
	}
	if !c.field.Required {
		meta.Encoding = append(meta.Encoding, parquet.RLE)
	}
	if c.dictPages > 0 {
		meta.Encoding = append(meta.Encoding, parquet.RLEDictionary)
		meta.EncodingStats = append(meta.EncodingStats,
			parquet.PageEncodingStats{PageType: parquet.DictionaryPage, Encoding: parquet.Plain, Count: 1},
			parquet.PageEncodingStats{PageType: parquet.DataPage, Encoding: parquet.RLEDictionary, Count: c.dictPages})
	}
	if c.plainPages > 0 {
		meta.EncodingStats = append(meta.EncodingStats,
			parquet.PageEncodingStats{PageType: parquet.DataPage, Encoding: parquet.Plain, Count: c.plainPages})
	}
	return meta
}

// resetChunk empties the column for the next row group.
func (c *Column) resetChunk() {
	c.cells, c.cellNulls, c.rawSize = 0, 0, 0
	c.plainPages, c.dictPages = 0, 0
	c.bounds.reset()
	if c.dict != nil {
		c.dict.reset()
		c.useDict = true
	}
}
