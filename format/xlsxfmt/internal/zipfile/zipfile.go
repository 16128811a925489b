// Package zipfile writes ZIP archives of entries that are deflated already.
package zipfile

import (
	"encoding/binary"
	"io"

	"github.com/exportyard/exportyard/format"
)

// A Writer writes a ZIP straight through: sizes and checksums that are not
// known before stand behind an entry's bytes, in a data descriptor. An entry
// stays below 4 GiB; the archive may be larger.
type Writer struct {
	w       io.Writer
	offset  int64
	entries []entry
	buf     []byte
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

type entry struct {
	name   string
	offset int64
	packed int64
	raw    format.Sum
	known  bool // raw and packed stand before the entry
}

const (
	localSignature      = 0x04034b50
	descriptorSignature = 0x08074b50
	centralSignature    = 0x02014b50
	endSignature        = 0x06054b50
	end64Signature      = 0x06064b50
	locator64Signature  = 0x07064b50

	versionDeflate = 20
	versionZIP64   = 45
	methodDeflate  = 8
	flagDescriptor = 1 << 3
	dosDate        = 1<<5 | 1 // 1980-01-01, the first there is
	max16          = 1<<16 - 1
	max32          = 1<<32 - 1
	zip64Extra     = 1
)

// le appends little-endian numbers: two bytes for a uint16, and so on.
func le(dst []byte, numbers ...any) []byte {
	for _, n := range numbers {
		switch n := n.(type) {
		case uint16:
			dst = binary.LittleEndian.AppendUint16(dst, n)
		case uint32:
			dst = binary.LittleEndian.AppendUint32(dst, n)
		case uint64:
			dst = binary.LittleEndian.AppendUint64(dst, n)
		}
	}
	return dst
}

func (z *Writer) write(p []byte) error {
	n, err := z.w.Write(p)
	z.offset += int64(n)
	return err
}

// flags, method, time and date of an entry.
func (e *entry) common(dst []byte) []byte {
	flags := uint16(flagDescriptor)
	if e.known {
		flags = 0
	}
	return le(dst, flags, uint16(methodDeflate), uint16(0), uint16(dosDate))
}

// Begin starts an entry, whose deflated bytes Add gives and End ends.
func (z *Writer) Begin(name string) error { return z.begin(entry{name: name}) }

func (z *Writer) begin(e entry) error {
	e.offset = z.offset
	b := le(z.buf[:0], uint32(localSignature), uint16(versionDeflate))
	b = e.common(b)
	b = le(b, e.raw.CRC32, uint32(e.packed), uint32(e.raw.Bytes), uint16(len(e.name)), uint16(0))
	z.buf = append(b, e.name...)
	z.entries = append(z.entries, e)
	return z.write(z.buf)
}

// Add appends deflated bytes to the entry that was begun, and the sum of what they
// hold.
func (z *Writer) Add(block []byte, raw format.Sum) error {
	e := &z.entries[len(z.entries)-1]
	e.packed += int64(len(block))
	e.raw = e.raw.Join(raw)
	return z.write(block)
}

// End writes the entry's data descriptor.
func (z *Writer) End() error {
	e := &z.entries[len(z.entries)-1]
	z.buf = le(z.buf[:0], uint32(descriptorSignature), e.raw.CRC32, uint32(e.packed), uint32(e.raw.Bytes))
	return z.write(z.buf)
}

// Entry writes an entry whose deflated bytes are all there.
func (z *Writer) Entry(name string, deflated []byte, raw format.Sum) error {
	if err := z.begin(entry{name: name, packed: int64(len(deflated)), raw: raw, known: true}); err != nil {
		return err
	}
	return z.write(deflated)
}

// Close writes the directory.
func (z *Writer) Close() error {
	start := z.offset
	for i := range z.entries {
		z.buf = z.entries[i].central(z.buf[:0])
		if err := z.write(z.buf); err != nil {
			return err
		}
	}
	size, count := z.offset-start, len(z.entries)
	b := z.buf[:0]
	if start >= max32 || count >= max16 {
		b = le(b, uint32(end64Signature), uint64(44), uint16(versionZIP64), uint16(versionZIP64), uint32(0), uint32(0),
			uint64(count), uint64(count), uint64(size), uint64(start),
			uint32(locator64Signature), uint32(0), uint64(z.offset), uint32(1))
	}
	n := uint16(min(count, max16))
	b = le(b, uint32(endSignature), uint16(0), uint16(0), n, n, uint32(min(size, max32)), uint32(min(start, max32)), uint16(0))
	z.buf = b
	return z.write(b)
}

// central appends the entry's record in the directory.
func (e *entry) central(dst []byte) []byte {
	var extra []byte
	version := uint16(versionDeflate)
	if e.offset >= max32 {
		version = versionZIP64
		extra = le(nil, uint16(zip64Extra), uint16(8), uint64(e.offset))
	}
	dst = le(dst, uint32(centralSignature), version, version)
	dst = e.common(dst)
	dst = le(dst, e.raw.CRC32, uint32(e.packed), uint32(e.raw.Bytes), uint16(len(e.name)), uint16(len(extra)),
		uint16(0), uint16(0), uint16(0), uint32(0), uint32(min(e.offset, max32)))
	dst = append(dst, e.name...)
	return append(dst, extra...)
}
