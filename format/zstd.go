package format

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

const (
	zstdMagic = "\x28\xb5\x2f\xfd"
	// zstdEmpty is a frame of one segment with a size of 0 and one empty last block.
	zstdEmpty = zstdMagic + "\x20\x00\x01\x00\x00"
	// zstdWindow bounds the memory of the packer and of every reader.
	zstdWindow = 4 << 20
	// zstdBlock is the most that one block of a frame may hold.
	zstdBlock = 128 << 10
)

// zstdPacker makes one whole frame of each block, with its content's checksum.
type zstdPacker struct{ enc *zstd.Encoder }

func newZstdPacker(level int) (Packer, error) {
	speed := zstd.SpeedDefault
	if level > 0 {
		speed = zstd.EncoderLevelFromZstd(level)
	}
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(speed),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithLowerEncoderMem(true), // the same bytes with 4 MiB less
		zstd.WithEncoderCRC(true))
	return zstdPacker{enc}, err
}

func (p zstdPacker) AppendBlock(dst, src []byte) ([]byte, error) {
	if len(src) == 0 {
		return dst, nil
	}
	return p.enc.EncodeAll(src, dst), nil
}

// appendZstdStored makes frames of one segment each, with a 4-byte size and
// raw blocks; they carry no checksum of their own.
func appendZstdStored(dst, p []byte) []byte {
	for len(p) > 0 {
		frame := p[:min(len(p), zstdWindow)]
		p = p[len(frame):]
		dst = append(dst, zstdMagic...)
		dst = append(dst, 0xa0) // size in 4 bytes, single segment
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(frame)))
		for len(frame) > 0 {
			n := min(len(frame), zstdBlock)
			header := uint32(n) << 3 // raw block
			if n == len(frame) {
				header |= 1 // the last one
			}
			dst = append(dst, byte(header), byte(header>>8), byte(header>>16))
			dst = append(dst, frame[:n]...)
			frame = frame[n:]
		}
	}
	return dst
}
