package format

import (
	"io"

	"github.com/exportyard/exportyard/source"
)

// A Formatter turns rows into a file. Formatters are plain values without
// state, safe for concurrent use: csvfmt.Format{}.
type Formatter interface {
	// Info describes the files it makes. It is the same at every call.
	Info() Info

	// NewWriter starts a file of rows of that schema. It returns an error that
	// names the field when the format cannot hold it. The writer writes to w
	// from the goroutine that calls it, and does not close w.
	NewWriter(w io.Writer, schema source.Schema) (Writer, error)
}

// A Writer makes one file. It is used by one goroutine.
type Writer interface {
	// Write adds the rows of b, whose schema is the writer's, and keeps no
	// reference to it. A cell that the format cannot hold is a
	// [source.DataError] without a dataset, which the caller fills in.
	Write(b *source.Batch) error

	// Close ends the file. Without Close there is no valid file. A writer that
	// is not wanted any more may be dropped.
	io.Closer
}

// Info describes a format.
type Info struct {
	// Name is what requests and manifests call the format: "csv".
	Name string
	// Profile tells formats of one name apart: "exact" and "excel". Empty
	// where there is only one.
	Profile string
	// Extension of the files, without a dot: "csv".
	Extension string
	// MediaType of the files: "text/csv; charset=utf-8".
	MediaType string
}

// A BlockFormatter makes files that are a header, rows in any number of
// blocks, and a footer: so that blocks can be encoded and compressed on all
// cores and files can be joined from segments.
type BlockFormatter interface {
	Formatter
	// Blocks returns the encoder for rows of that schema, with the errors of
	// NewWriter.
	Blocks(schema source.Schema) (Blocks, error)
}

// Blocks encodes pieces of a file. It has no state and is safe for concurrent
// use; every method appends to dst and returns it. A file is
//
//	header, rows, separator, rows, separator, … rows, footer
//
// and has no separator when it has fewer than two non-empty pieces of rows.
type Blocks interface {
	// AppendHeader appends what comes before the rows.
	AppendHeader(dst []byte) []byte
	// AppendRows appends the rows of b, of which there is at least one, with
	// the errors of [Writer.Write]. It does not allocate for a row.
	AppendRows(dst []byte, b *source.Batch) ([]byte, error)
	// AppendSeparator appends what stands between two non-empty pieces.
	AppendSeparator(dst []byte) []byte
	// AppendFooter appends what comes after the rows.
	AppendFooter(dst []byte) []byte
}

// A DocumentFormatter can put several datasets into one file:
//
//	document start, { dataset start, header, rows …, footer } …, document end
type DocumentFormatter interface {
	BlockFormatter
	// AppendDocumentStart appends what opens the document.
	AppendDocumentStart(dst []byte) []byte
	// AppendDatasetStart appends what goes before the header of the i-th
	// dataset, counted from 0.
	AppendDatasetStart(dst []byte, i int, name string) []byte
	// AppendDocumentEnd appends what closes the document.
	AppendDocumentEnd(dst []byte) []byte
}

// A Compressing formatter compresses inside its own files, as Parquet does;
// the engine then puts no codec around them.
type Compressing interface {
	Formatter
	// WithCompression returns the formatter that uses c inside, or an error
	// that lists what it can do. The empty Compression is its own default.
	WithCompression(c Compression) (Formatter, error)
}

// NewBlockWriter returns a [Writer] that makes the file one block after the
// other: what [Formatter.NewWriter] of a BlockFormatter returns.
func NewBlockWriter(w io.Writer, blocks Blocks) Writer {
	return &blockWriter{w: w, blocks: blocks}
}

type blockWriter struct {
	w      io.Writer
	blocks Blocks
	buf    []byte
	begun  bool // the header is written
	rows   bool // a row is written
}

func (bw *blockWriter) Write(b *source.Batch) error {
	bw.buf = bw.start(bw.buf[:0])
	if b.Len() > 0 {
		if bw.rows {
			bw.buf = bw.blocks.AppendSeparator(bw.buf)
		}
		var err error
		if bw.buf, err = bw.blocks.AppendRows(bw.buf, b); err != nil {
			return err
		}
		bw.rows = true
	}
	_, err := bw.w.Write(bw.buf)
	return err
}

func (bw *blockWriter) start(dst []byte) []byte {
	if bw.begun {
		return dst
	}
	bw.begun = true
	return bw.blocks.AppendHeader(dst)
}

func (bw *blockWriter) Close() error {
	bw.buf = bw.blocks.AppendFooter(bw.start(bw.buf[:0]))
	_, err := bw.w.Write(bw.buf)
	return err
}
