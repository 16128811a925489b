package format

import (
	"encoding/binary"

	"github.com/klauspost/compress/flate"
)

const (
	// gzipHeader has no flags, no time and an unknown system, so that it says
	// nothing about where and when the file was made.
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
	// gzipFinal is an empty last block with the fixed codes.
	gzipFinal = "\x03\x00"
	// gzipEndSize counts the final block, the CRC-32 and the length.
	gzipEndSize = len(gzipFinal) + 8

	defaultGzipLevel = 3
	maxStoredBlock   = 1<<16 - 1
)

// gzipPacker makes raw deflate that ends at a byte boundary with an empty
// stored block (a sync flush), and that looks back no further than its start.
type gzipPacker struct {
	w   *flate.Writer
	out appender
}

// appender is the io.Writer that a flate.Writer wants.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func newGzipPacker(level int) (Packer, error) {
	if level == 0 {
		level = defaultGzipLevel
	}
	p := &gzipPacker{}
	var err error
	p.w, err = flate.NewWriter(&p.out, level)
	return p, err
}

func (p *gzipPacker) AppendBlock(dst, src []byte) ([]byte, error) {
	if len(src) == 0 {
		return dst, nil
	}
	p.out.b = dst
	p.w.Reset(&p.out)
	if _, err := p.w.Write(src); err != nil {
		return dst, err
	}
	if err := p.w.Flush(); err != nil {
		return dst, err
	}
	dst, p.out.b = p.out.b, nil
	return dst, nil
}

func appendGzipStored(dst, p []byte) []byte {
	for len(p) > 0 {
		n := min(len(p), maxStoredBlock)
		dst = append(dst, 0) // not final, stored, filled up to the byte
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(n))
		dst = append(dst, p[:n]...)
		p = p[n:]
	}
	return dst
}

func appendGzipEnd(dst []byte, raw Sum) []byte {
	dst = append(dst, gzipFinal...)
	dst = binary.LittleEndian.AppendUint32(dst, raw.CRC32)
	return binary.LittleEndian.AppendUint32(dst, uint32(raw.Bytes))
}
