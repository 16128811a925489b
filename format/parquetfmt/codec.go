package parquetfmt

import (
	"fmt"

	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/exportyard/exportyard/format"
)

// gzipLevel gives the size of the usual level 6 at about twice the speed.
const gzipLevel = 3

// newCodec returns the codec of one writer, which pools its encoders.
func newCodec(c format.Compression) (compress.Codec, error) {
	switch c {
	case "":
		return &snappy.Codec{}, nil
	case format.None:
		return &uncompressed.Codec{}, nil
	case format.Gzip:
		return &gzip.Codec{Level: gzipLevel}, nil
	case format.Zstd:
		return &zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}, nil
	default:
		return nil, fmt.Errorf("parquetfmt: no compression %q: want %q, %q, %q, or nothing for snappy", c, format.None, format.Gzip, format.Zstd)
	}
}
