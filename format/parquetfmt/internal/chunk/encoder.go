package chunk

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/word"
)

// An Encoder is what a goroutine needs to work on columns, of which it takes one
// after the other: a codec, and buffers that are only used during one call.
// What a column makes does not depend on which encoder it was given.
type Encoder struct {
	codec      Codec
	ints       []int64     // cells of a column while they are taken
	words      []word.Word // the same of other columns
	narrow     []int32     // integers on their way into a page
	body       []byte      // a page before compression
	runs       []byte      // levels, numbers or lengths, encoded
	compressed []byte
	header     bytes.Buffer
}

// A Codec compresses pages. The codecs of parquet-go are Codecs.
type Codec interface {
	// CompressionCodec returns what the format calls it.
	CompressionCodec() parquet.CompressionCodec
	// Encode compresses src into dst, whose length says nothing, where that has
	// room, and into memory of its own otherwise.
	Encode(dst, src []byte) ([]byte, error)
}

// A Layout is how the column chunks of a file are laid out.
type Layout struct {
	// Codec is what the format calls the encoders' codec.
	Codec parquet.CompressionCodec
	// NoDelta keeps to the encodings PLAIN and RLE_DICTIONARY.
	NoDelta bool
	// PageRows is the largest number of cells of a page.
	PageRows int
	// PageBytes ends a page before compression; its last cell may exceed it.
	PageBytes int
	// DictionaryBytes is the largest size of a dictionary's values.
	DictionaryBytes int
}

// NewEncoder returns an encoder that compresses pages with codec, which nobody
// else uses meanwhile.
func NewEncoder(codec Codec) *Encoder { return &Encoder{codec: codec} }

// appendPage compresses body and appends it to dst behind its header, whose
// sizes and checksum it sets. It returns the bytes of both before compression.
func (e *Encoder) appendPage(dst *blockList, pool *Pool, header *parquet.PageHeader, body []byte) (raw int64, err error) {
	if e.compressed, err = e.codec.Encode(e.compressed[:cap(e.compressed)], body); err != nil {
		return 0, err
	}
	header.UncompressedPageSize = int32(len(body))
	header.CompressedPageSize = int32(len(e.compressed))
	header.CRC = int32(crc32.ChecksumIEEE(e.compressed))
	e.header.Reset()
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.header)).Encode(header); err != nil {
		return 0, err
	}
	dst.append(pool, e.header.Bytes())
	dst.append(pool, e.compressed)
	return int64(e.header.Len() + len(body)), nil
}

// deltaInts encodes integers of that width in bytes as DELTA_BINARY_PACKED. The
// result is valid until the encoder's next call.
func (e *Encoder) deltaInts(ints []int64, width int) (_ []byte, err error) {
	if width == 8 {
		e.runs, err = (&delta.BinaryPackedEncoding{}).EncodeInt64(e.runs, ints)
		return e.runs, err
	}
	narrow := e.narrow[:0]
	for _, x := range ints {
		narrow = append(narrow, int32(x))
	}
	e.narrow = narrow
	return e.deltaLengths(narrow)
}

// deltaLengths encodes integers of 32 bits as DELTA_BINARY_PACKED.
func (e *Encoder) deltaLengths(lengths []int32) (_ []byte, err error) {
	e.runs, err = (&delta.BinaryPackedEncoding{}).EncodeInt32(e.runs, lengths)
	return e.runs, err
}

// trim lets go of buffers that one huge cell has stretched.
func (e *Encoder) trim(limit int) {
	e.body, e.compressed = shrink(e.body, limit), shrink(e.compressed, limit)
}

func shrink(buf []byte, limit int) []byte {
	if cap(buf) > limit {
		return nil
	}
	return buf[:0]
}

// appendByteArray appends s as the PLAIN encoding does: its length, then it.
func appendByteArray(dst, s []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}
