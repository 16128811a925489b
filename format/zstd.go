package format

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

const (
	zstdMagic = "\x28\xb5\x2f\xfd"
	// zstdEmpty is a frame of one segment with a size of 0 and one empty last block.
	zstdEmpty = zstdMagic + "\x20\x00\x01\x00\x00"
	// zstdWindow bounds the memory of the packer and of every reader.
	zstdWindow = 4 << 20
	// zstdNear is the window of the fast encoder, which gains next to nothing from more.
	zstdNear = 512 << 10
	// zstdBlock is the most that one block of a frame may hold.
	zstdBlock = 128 << 10
)

// zstdPacker makes one whole frame of each block, with its content's checksum. Blocks
// go to one of two encoders.
type zstdPacker [2]*zstd.Encoder

// newZstdPacker makes a packer of a level. The library has none between its fast one and
// one that takes twice the time for 7 % less: level 2, the default, is half of each, at
// three quarters of the time for 4 % more.
func newZstdPacker(level int) (p Packer, err error) {
	var fast, small *zstd.Encoder
	switch level {
	case 0, 2:
		if fast, err = newZstdEncoder(zstd.SpeedFastest, zstdNear); err != nil {
			return nil, err
		}
		small, err = newZstdEncoder(zstd.SpeedDefault, zstdWindow)
	default:
		fast, err = newZstdEncoder(zstd.EncoderLevelFromZstd(level), zstdWindow)
		small = fast
	}
	return zstdPacker{small, fast}, err
}

func newZstdEncoder(level zstd.EncoderLevel, window int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(level),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window),
		zstd.WithLowerEncoderMem(true), // the same bytes with 4 MiB less
		zstd.WithEncoderCRC(true))
}

// AppendBlock lets the block's end choose the encoder: as good as a coin, and the same
// whoever compresses it.
func (p zstdPacker) AppendBlock(dst, src []byte) ([]byte, error) {
	if len(src) == 0 {
		return dst, nil
	}
	end := src[max(0, len(src)-64):]
	return p[crc32.ChecksumIEEE(end)&1].EncodeAll(src, dst), nil
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
