package parquetfmt

import (
	"fmt"
	"io"
	"runtime"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
	"github.com/exportyard/exportyard/source"
)

var (
	_ format.Formatter   = Format{}
	_ format.Compressing = Format{}
)

// MaxWorkers is the largest number of goroutines of a writer: each needs
// buffers of its own, and a row has only so many columns.
const MaxWorkers = 8

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
	// Workers is how many goroutines encode columns during a Write, the
	// caller's among them. They end before Write returns, and the file does not
	// depend on their number. Default: GOMAXPROCS, at most [MaxWorkers].
	Workers int
	// NoDelta keeps to the encodings that every reader knows, PLAIN and
	// dictionaries. Files of usage data grow by a sixth.
	NoDelta bool
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
	if f.Workers < 0 {
		return nil, fmt.Errorf("parquetfmt: Workers (%d) must not be negative", f.Workers)
	}
	workers := f.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var encoders []*chunk.Encoder
	lim := newLimits(f, len(schema))
	for range min(workers, MaxWorkers, len(schema)) {
		codec, err := newCodec(f.Compression)
		if err != nil {
			return nil, err
		}
		lim.layout.Codec = codec.CompressionCodec()
		encoders = append(encoders, chunk.NewEncoder(codec))
	}
	return newWriter(w, schema, lim, &crew{encoders: encoders}), nil
}

// limits are the sizes that a writer works with.
type limits struct {
	groupRows   int // rows of a row group
	groupBytes  int // bytes held for a row group
	strideRows  int // rows between two looks at the bytes held
	strideBytes int // the same in bytes of cells
	layout      chunk.Layout
}

// A page stays below the 128 KiB that zstd compresses without a window of its
// own, levels included.
const (
	maxPageBytes       = 120 << 10
	minPageBytes       = 8 << 10
	maxPageRows        = maxPageBytes / 8
	maxDictionaryBytes = 512 << 10
	maxStrideRows      = 4096
	maxStrideBytes     = 1 << 20
)

// newLimits shares the bytes of a row group among the columns: hundreds of
// columns get small pages and dictionaries, so that their sum stays bounded.
func newLimits(f Format, columns int) limits {
	rows, size := f.RowGroupRows, f.RowGroupBytes
	if rows == 0 {
		rows = DefaultRowGroupRows
	}
	if size == 0 {
		size = DefaultRowGroupBytes
	}
	return limits{
		groupRows:   rows,
		groupBytes:  size,
		strideRows:  maxStrideRows,
		strideBytes: min(max(size/16, 1), maxStrideBytes),
		layout: chunk.Layout{
			NoDelta:         f.NoDelta,
			PageRows:        maxPageRows,
			PageBytes:       min(max(size/(8*columns), minPageBytes), maxPageBytes),
			DictionaryBytes: min(size/(2*columns), maxDictionaryBytes),
		},
	}
}
