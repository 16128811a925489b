package parquetfmt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/source"
)

// An encoder is what the columns of a writer share: the codec, the blocks that
// hold pages, and buffers that are only used during one call.
type encoder struct {
	codec      compress.Codec
	pool       blockPool
	body       []byte // a page before compression
	runs       []byte // levels or numbers, run-length encoded
	compressed []byte
	header     bytes.Buffer
}

// A column collects the cells of one column into a page, and the pages into
// the column chunk of the row group.
type column struct {
	field    source.Field
	leaf     leaf
	fill     fillFunc
	lim      *limits
	enc      *encoder
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

func newColumn(f source.Field, lim *limits, enc *encoder) *column {
	c := &column{field: f, leaf: newLeaf(f.Kind), fill: fillFuncs[f.Kind.Base()], lim: lim, enc: enc}
	c.pageRows = min(maxPageRows, lim.pageBytes/max(c.leaf.width, 4)) // 4: the number of a dictionary's entry
	if f.Kind.Base() == source.AnyDecimal {
		c.fill = fillDecimal(c.leaf.physical)
	}
	if f.Kind == source.String {
		c.dict, c.useDict = newDictionary(lim.dictBytes), true
	}
	return c
}

// held returns the bytes in memory for this column of the row group.
func (c *column) held() int {
	n := c.pages.size + len(c.plain) + len(c.levels) + 4*len(c.numbers)
	if c.useDict || c.dictPages > 0 {
		n += c.dict.held()
	}
	return n
}

// write adds cells lo to hi of v, closing pages as they fill: after a number of
// cells, and where cells have lengths of their own also at a number of bytes,
// which the fill function watches.
func (c *column) write(v *source.Vector, lo, hi int) error {
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

func (c *column) pageFull() bool {
	return c.rows >= c.pageRows || len(c.plain) >= c.lim.pageBytes
}

// closePage encodes the page, if it has cells, and keeps it.
func (c *column) closePage() error {
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
func (c *column) dropDictionary() {
	for _, n := range c.numbers {
		c.plain = appendByteArray(c.plain, c.dict.entry(n))
	}
	c.numbers, c.useDict = c.numbers[:0], false
	c.dict.reset()
}

// pageBody returns levels and values as the page holds them.
func (c *column) pageBody(dictionary bool) ([]byte, error) {
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
func (c *column) resetPage() {
	c.rows, c.nulls, c.bools = 0, 0, 0
	c.levels, c.numbers = c.levels[:0], c.numbers[:0]
	c.plain = shrink(c.plain, 4*c.lim.pageBytes)
	c.enc.body = shrink(c.enc.body, 4*maxDictBytes)
	c.enc.compressed = shrink(c.enc.compressed, 4*maxDictBytes)
}

func shrink(buf []byte, limit int) []byte {
	if cap(buf) > limit {
		return nil
	}
	return buf[:0]
}

// resetChunk empties the column for the next row group.
func (c *column) resetChunk() {
	c.cells, c.cellNulls, c.rawSize = 0, 0, 0
	c.plainPages, c.dictPages = 0, 0
	c.bounds.reset()
	if c.dict != nil {
		c.dict.reset()
		c.useDict = true
	}
}

// appendPage compresses body and appends it to dst behind its header, whose
// sizes and checksum it sets. It returns the bytes of both before compression.
func (e *encoder) appendPage(dst *blockList, header *parquet.PageHeader, body []byte) (raw int64, err error) {
	if e.compressed, err = e.codec.Encode(e.compressed, body); err != nil {
		return 0, err
	}
	header.UncompressedPageSize = int32(len(body))
	header.CompressedPageSize = int32(len(e.compressed))
	header.CRC = int32(crc32.ChecksumIEEE(e.compressed))
	e.header.Reset()
	if err := encodeThrift(&e.header, header); err != nil {
		return 0, err
	}
	dst.append(&e.pool, e.header.Bytes())
	dst.append(&e.pool, e.compressed)
	return int64(e.header.Len() + len(body)), nil
}

func encodeThrift(dst *bytes.Buffer, v any) error {
	return thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(dst)).Encode(v)
}

// appendBool appends a value to the bits of a Bool page.
func (c *column) appendBool(x bool) {
	if c.bools&7 == 0 {
		c.plain = append(c.plain, 0)
	}
	if x {
		c.plain[len(c.plain)-1] |= 1 << (c.bools & 7)
	}
	c.bools++
}

// appendInt appends a value in 4 or 8 bytes.
func (c *column) appendInt(x int64) {
	if c.leaf.width == 4 {
		c.plain = binary.LittleEndian.AppendUint32(c.plain, uint32(x))
	} else {
		c.plain = binary.LittleEndian.AppendUint64(c.plain, uint64(x))
	}
}
