package chunk

import (
	"io"

	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/bounds"
	"github.com/exportyard/exportyard/format/parquetfmt/internal/dictionary"
	"github.com/exportyard/exportyard/source"
)

// A Column collects the cells of one column into a page, and the pages into
// the column chunk of a row group. Columns of a file share nothing but the pool,
// so that each can be used by another goroutine.
type Column struct {
	field    source.Field
	physical parquet.Type
	width    int // bytes of a cell, 0 when it has a length of its own
	fill     fillFunc
	layout   *Layout
	pool     *Pool
	pageRows int // cells of a page

	// The page that is being filled. Its values are integers, texts or others;
	// numbers stand for them, or beside them while the dictionary is on trial.
	rows    int     // cells, nulls included
	nulls   int     // of these
	levels  []byte  // once there is a null, one a cell: 0 = null, 1 = value
	ints    []int64 // of types of 32 and 64 bits
	lengths []int32 // of texts
	data    []byte  // the texts end to end, or other values in the PLAIN encoding
	bools   int     // values in data, of a Bool column
	numbers []int32 // of the dictionary's entries

	// The column chunk.
	dict      dictionary.Dictionary // texts or words; nil for Bool
	texts     *dictionary.Texts
	words     *dictionary.Words
	useDict   bool      // for the page and those that come
	failed    int       // trials of the dictionary without success, one after the other
	wait      int       // row groups until the next one
	full      bool      // the dictionary has no room
	dictStart int       // entries of the dictionary before the page
	valueBits int       // of a value that is not in a dictionary, as the trial found
	pages     blockList // those with data; at last the dictionary's, though it stands before them in the file
	dataSize  int       // of the pages with data
	cells     int64
	cellNulls int64
	rawSize   int64 // of the pages with their headers, before compression
	pagesOf   map[parquet.Encoding]int32
	bounds    bounds.Bounds
}

// NewColumn returns a column of an empty row group.
func NewColumn(f source.Field, layout *Layout, pool *Pool) *Column {
	c := &Column{field: f, fill: newFill(f.Kind), layout: layout, pool: pool, pagesOf: map[parquet.Encoding]int32{}}
	c.physical, c.width = Storage(f.Kind)
	c.pageRows = min(layout.PageRows, layout.PageBytes/max(c.width, 4)) // 4: the number of a dictionary's entry
	switch {
	case c.width == 0:
		c.texts = dictionary.NewTexts(layout.DictionaryBytes)
		c.dict = c.texts
	case f.Kind != source.Bool:
		c.words = dictionary.NewWords(c.width)
		c.dict = c.words
	}
	c.resetChunk()
	return c
}

// Held returns the bytes in memory for this column of the row group.
func (c *Column) Held() int {
	n := c.pages.size + len(c.data) + len(c.levels) + 4*len(c.lengths) + 8*len(c.ints) + 4*len(c.numbers)
	if c.useDict || c.pagesOf[parquet.RLEDictionary] > 0 {
		n += c.dict.Held()
	}
	return n
}

// Write adds cells lo to hi of v, closing pages as they fill: after a number of
// cells, and where cells have lengths of their own also at a number of bytes,
// which the fill function watches. Where a page ends depends on the cells alone,
// not on the calls that they came in. A cell that the column cannot hold is a
// [source.DataError].
func (c *Column) Write(e *Encoder, v *source.Vector, lo, hi int) error {
	for lo < hi {
		n, err := c.fill(c, e, v, lo, min(hi, lo+c.pageRows-c.rows))
		if err != nil {
			return err
		}
		lo += n
		if c.full || c.rows >= c.pageRows || c.width == 0 && len(c.data) >= c.layout.PageBytes {
			if err := c.closePage(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// End encodes what is left of the column chunk: its last page and its
// dictionary.
func (c *Column) End(e *Encoder) error {
	err := c.closePage(e)
	if c.dataSize = c.pages.size; err != nil || c.pagesOf[parquet.RLEDictionary] == 0 {
		return err
	}
	return c.appendDictionary(e)
}

// Flush writes the ended column chunk to w, which stands at offset in the file,
// returns the footer's description of it, and empties the column for the next
// row group. The errors of w come back as they are.
func (c *Column) Flush(w io.Writer, offset int64) (parquet.ColumnMetaData, error) {
	meta := c.describe()
	meta.DataPageOffset = offset + int64(c.pages.size-c.dataSize)
	meta.TotalCompressedSize = int64(c.pages.size)
	if c.pages.size > c.dataSize {
		meta.DictionaryPageOffset = offset
	}
	err := c.pages.write(w, c.dataSize, c.pages.size)
	if err == nil {
		err = c.pages.write(w, 0, c.dataSize)
	}
	c.pages.free(c.pool)
	c.resetChunk()
	return meta, err
}

// describe returns what the footer says of the column chunk but for its place.
func (c *Column) describe() parquet.ColumnMetaData {
	meta := parquet.ColumnMetaData{
		Type:                  c.physical,
		PathInSchema:          []string{c.field.Name},
		Codec:                 c.layout.Codec,
		NumValues:             c.cells,
		TotalUncompressedSize: c.rawSize,
	}
	meta.Statistics.NullCount = c.cellNulls
	meta.Statistics.MinValue, meta.Statistics.MaxValue = c.bounds.Encode(c.field.Kind, c.width)
	if !c.field.Required {
		meta.Encoding = append(meta.Encoding, parquet.RLE)
	}
	hasDict := c.pagesOf[parquet.RLEDictionary] > 0
	if hasDict {
		meta.EncodingStats = append(meta.EncodingStats, parquet.PageEncodingStats{PageType: parquet.DictionaryPage, Encoding: parquet.Plain, Count: 1})
	}
	for _, encoding := range []parquet.Encoding{parquet.Plain, parquet.RLEDictionary, parquet.DeltaBinaryPacked, parquet.DeltaLengthByteArray} {
		n := c.pagesOf[encoding]
		if n > 0 {
			meta.EncodingStats = append(meta.EncodingStats, parquet.PageEncodingStats{PageType: parquet.DataPage, Encoding: encoding, Count: n})
		}
		if n > 0 || encoding == parquet.Plain && hasDict {
			meta.Encoding = append(meta.Encoding, encoding)
		}
	}
	return meta
}

// resetChunk empties the column for the next row group.
func (c *Column) resetChunk() {
	c.cells, c.cellNulls, c.rawSize = 0, 0, 0
	clear(c.pagesOf)
	c.bounds.Reset()
	c.full, c.dictStart, c.valueBits = false, 0, 0
	if c.dict == nil {
		return
	}
	c.dict.Reset()
	if c.useDict = c.wait == 0 && (c.texts != nil || c.roomForPage()); c.wait > 0 {
		c.wait--
	}
}
