// Package word has the cells of columns whose cells all have the same size.
package word

import "encoding/binary"

// A Word is a cell of 16 bytes, the first of them the most significant one of
// Hi, or of 4 or 8 bytes, in Lo.
type Word struct{ Hi, Lo uint64 }

// Less compares words as unsigned numbers.
func (w Word) Less(x Word) bool { return w.Hi < x.Hi || w.Hi == x.Hi && w.Lo < x.Lo }

// Append appends a word of that width in bytes in the PLAIN encoding.
func (w Word) Append(dst []byte, width int) []byte {
	if width == 16 {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, w.Hi), w.Lo)
	}
	return AppendInt(dst, w.Lo, width)
}

// AppendInt appends the last 4 or all 8 bytes of x, the lowest first.
func AppendInt(dst []byte, x uint64, width int) []byte {
	if width == 4 {
		return binary.LittleEndian.AppendUint32(dst, uint32(x))
	}
	return binary.LittleEndian.AppendUint64(dst, x)
}
