package parquetfmt

import (
	"fmt"
	"io"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

var (
	_ format.Formatter   = Format{}
	_ format.Compressing = Format{}
)

// The limits of a row group unless [Format] says otherwise.
const (
	DefaultRowGroupRows  = 128 << 10
	DefaultRowGroupBytes = 16 << 20
)

// Format makes Parquet files. The zero value is ready to use: Snappy inside,
// row groups of at most 131,072 rows or 16 MiB.
type Format struct {
	// RowGroupRows is the largest number of rows of a row group. Default:
	// [DefaultRowGroupRows].
	RowGroupRows int
	// RowGroupBytes ends a row group when the bytes that the writer holds for
	// it (encoded pages, pages being filled, dictionaries) reach it. It is what
	// bounds the writer's memory; a single row may exceed it by its own length.
	// Default: [DefaultRowGroupBytes].
	RowGroupBytes int
	// Compression of the pages: [format.None], [format.Gzip] or [format.Zstd].
	// Default: Snappy, which has no other name here because no codec around a
	// file is called that.
	Compression format.Compression
}

// Info describes the files; it does not depend on the options.
func (f Format) Info() format.Info {
	return format.Info{Name: "parquet", Extension: "parquet", MediaType: "application/vnd.apache.parquet"}
}

// WithCompression returns the format with c inside the files; the empty
// Compression is Snappy.
func (f Format) WithCompression(c format.Compression) (format.Formatter, error) {
	f.Compression = c
	if _, err := newCodec(c); err != nil {
		return nil, err
	}
	return f, nil
}

// NewWriter starts a file. It returns an error that names the option or the
// field that it cannot work with.
func (f Format) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	if f.RowGroupRows < 0 || f.RowGroupBytes < 0 {
		return nil, fmt.Errorf("parquetfmt: RowGroupRows (%d) and RowGroupBytes (%d) must not be negative", f.RowGroupRows, f.RowGroupBytes)
	}
	if err := schema.Validate(); err != nil {
		return nil, fmt.Errorf("parquetfmt: %w", err)
	}
	c, err := newCodec(f.Compression)
	if err != nil {
		return nil, err
	}
	return newWriter(w, schema, newLimits(f, len(schema)), encoder{codec: c}), nil
}

// limits are the sizes that a writer works with.
type limits struct {
	groupRows   int // rows of a row group
	groupBytes  int // bytes held for a row group
	strideRows  int // rows between two looks at the bytes held
	strideBytes int // the same in bytes of cells
	pageBytes   int // bytes of a page before compression
	dictBytes   int // bytes of a dictionary
}

// A page stays below the 128 KiB that zstd compresses without a window of its
// own, levels included.
const (
	maxPageBytes  = 120 << 10
	minPageBytes  = 8 << 10
	maxPageRows   = maxPageBytes / 8
	maxDictBytes  = 512 << 10
	maxStrideRows = 1024
	maxStride     = 1 << 20
)

// newLimits shares the bytes of a row group among the columns: hundreds of
// columns get small pages and dictionaries, so that their sum stays bounded.
func newLimits(f Format, columns int) limits {
	lim := limits{groupRows: f.RowGroupRows, groupBytes: f.RowGroupBytes, strideRows: maxStrideRows}
	if lim.groupRows == 0 {
		lim.groupRows = DefaultRowGroupRows
	}
	if lim.groupBytes == 0 {
		lim.groupBytes = DefaultRowGroupBytes
	}
	lim.strideBytes = min(max(lim.groupBytes/16, 1), maxStride)
	lim.pageBytes = min(max(lim.groupBytes/(8*columns), minPageBytes), maxPageBytes)
	lim.dictBytes = min(lim.groupBytes/(2*columns), maxDictBytes)
	return lim
}
