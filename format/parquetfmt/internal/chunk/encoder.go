package chunk

import (
	"bytes"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"
)

// An Encoder is what the columns of a file share: the codec, the memory of
// encoded pages, and buffers that are only used during one call. It belongs to
// one goroutine.
type Encoder struct {
	limits     Limits
	codec      Codec
	pool       blockPool
	body       []byte // a page before compression
	runs       []byte // levels or numbers, run-length encoded
	compressed []byte
	header     bytes.Buffer
}

// A Codec compresses pages. The codecs of parquet-go are Codecs.
type Codec interface {
	// CompressionCodec returns what the format calls it.
	CompressionCodec() parquet.CompressionCodec
	// Encode compresses src, into dst where that has room, from its beginning.
	Encode(dst, src []byte) ([]byte, error)
}

// Limits are the sizes that columns keep to.
type Limits struct {
	// PageRows is the largest number of cells of a page.
	PageRows int
	// PageBytes ends a page before compression; its last cell may exceed it.
	PageBytes int
	// DictionaryBytes is the largest size of a dictionary's strings.
	DictionaryBytes int
	// KeepBytes is how much memory of encoded pages is kept for the next row
	// group.
	KeepBytes int
}

// NewEncoder returns an encoder for columns that compress their pages with
// codec.
func NewEncoder(codec Codec, limits Limits) *Encoder {
	return &Encoder{limits: limits, codec: codec, pool: blockPool{keep: limits.KeepBytes / BlockSize}}
}

// appendPage compresses body and appends it to dst behind its header, whose
// sizes and checksum it sets. It returns the bytes of both before compression.
func (e *Encoder) appendPage(dst *blockList, header *parquet.PageHeader, body []byte) (raw int64, err error) {
	if e.compressed, err = e.codec.Encode(e.compressed, body); err != nil {
		return 0, err
	}
	header.UncompressedPageSize = int32(len(body))
	header.CompressedPageSize = int32(len(e.compressed))
	header.CRC = int32(crc32.ChecksumIEEE(e.compressed))
	e.header.Reset()
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.header)).Encode(header); err != nil {
		return 0, err
	}
	dst.append(&e.pool, e.header.Bytes())
	dst.append(&e.pool, e.compressed)
	return int64(e.header.Len() + len(body)), nil
}

// trim lets go of buffers that one huge cell has stretched.
func (e *Encoder) trim() {
	limit := 4 * max(e.limits.PageBytes, e.limits.DictionaryBytes)
	e.body, e.compressed = shrink(e.body, limit), shrink(e.compressed, limit)
}

func shrink(buf []byte, limit int) []byte {
	if cap(buf) > limit {
		return nil
	}
	return buf[:0]
}
