package wire

import (
	"encoding/binary"

	"github.com/exportyard/exportyard/source"
)

// A raw row is its cells end to end, each behind its length in four bytes, of
// which a negative one is a null: the body of PostgreSQL's own message.

const null = 0xffffffff

// AppendRow appends a row whose nulls are nil slices. It reports the first cell
// over [source.MaxCell], and appends nothing then, else -1.
func AppendRow(dst []byte, values [][]byte) (_ []byte, tooLong int) {
	begin := len(dst)
	for i, value := range values {
		switch {
		case value == nil:
			dst = binary.BigEndian.AppendUint32(dst, null)
			continue
		case len(value) > source.MaxCell:
			return dst[:begin], i
		}
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(value))), value...)
	}
	return dst, -1
}

// DecodeRows appends so many raw rows to the vectors of b, which counts none of
// them yet. It returns the column that an error is about.
func DecodeRows(b *source.Batch, decoders []Decoder, data []byte, rows int) (column int, err error) {
	for range rows {
		for i, decode := range decoders {
			if len(data) < 4 {
				return i, errShort
			}
			n := binary.BigEndian.Uint32(data)
			data = data[4:]
			if n == null {
				b.Col(i).AppendNull()
				continue
			}
			if uint64(len(data)) < uint64(n) {
				return i, errShort
			}
			if err := decode(b.Col(i), data[:n:n]); err != nil {
				return i, err
			}
			data = data[n:]
		}
	}
	return 0, nil
}
