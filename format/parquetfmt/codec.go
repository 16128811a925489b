package parquetfmt

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
)

// gzipLevel gives the size of the usual level 6 at about twice the speed.
const gzipLevel = 3

// newCodec returns a codec for one goroutine.
func newCodec(c format.Compression) (chunk.Codec, error) {
	switch c {
	case "":
		return snappyCodec{}, nil
	case format.None:
		return &uncompressed.Codec{}, nil
	case format.Gzip:
		return &gzip.Codec{Level: gzipLevel}, nil
	case format.Zstd:
		return newZstdCodec()
	default:
		return nil, fmt.Errorf("parquetfmt: no compression %q: want %q, %q, %q, or nothing for snappy", c, format.None, format.Gzip, format.Zstd)
	}
}

// snappyCodec takes the faster of the library's two encoders. parquet-go takes
// the other, whose tables of 576 KiB are cleared for each page: usage data gets
// 2 % smaller for half as much CPU again.
type snappyCodec struct{}

func (snappyCodec) CompressionCodec() parquet.CompressionCodec { return parquet.Snappy }

func (snappyCodec) Encode(dst, src []byte) ([]byte, error) {
	if s2.MaxEncodedLen(len(src)) < 0 {
		return nil, fmt.Errorf("a page of %d bytes is more than snappy compresses", len(src))
	}
	return s2.EncodeSnappy(dst, src), nil
}

// zstdWindow is enough for every page but those of huge cells. The library's
// own default costs 16 MiB for the first page that is longer than 128 KiB.
const zstdWindow = maxDictionaryBytes

// zstdCodec is parquet-go's but for the window, and keeps its one encoder.
type zstdCodec struct{ encoder *zstd.Encoder }

func newZstdCodec() (chunk.Codec, error) {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("parquetfmt: make the zstd encoder: %w", err)
	}
	return zstdCodec{encoder}, nil
}

func (zstdCodec) CompressionCodec() parquet.CompressionCodec { return parquet.Zstd }

func (c zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst[:0]), nil
}
