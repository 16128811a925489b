package parquetfmt

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
)

// gzipLevel gives the size of the usual level 6 at about twice the speed.
const gzipLevel = 3

// newCodec returns the codec of one writer.
func newCodec(c format.Compression) (chunk.Codec, error) {
	switch c {
	case "":
		return &snappy.Codec{}, nil
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
