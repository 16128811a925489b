package parquetfmt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
	"github.com/exportyard/exportyard/source"
)

const (
	magic = "PAR1"
	// createdBy has the form that readers take apart. It changes when the
	// bytes that equal rows give change, and only then.
	createdBy = "exportyard version 2 (build parquetfmt)"
	// metadataVersion is the version of the file's metadata: data pages are of
	// the first kind, which every reader knows.
	metadataVersion = 1
)

// maxRowGroups is what the format's 16-bit ordinals can count.
const maxRowGroups = math.MaxInt16

var (
	errClosed   = errors.New("parquetfmt: write after close")
	errPanicked = errors.New("parquetfmt: an earlier write panicked")
)

// A writer writes one file: it fills column chunks from batches and puts them
// out together when the row group is full.
//
// Where a page or a row group ends depends on the rows written so far and
// never on the batches in which they came: cells are taken in strides, whose
// length is counted in rows and bytes of cells, and decisions fall between two
// strides. Within a stride the columns know nothing of each other, so a crew
// takes them on all cores.
type writer struct {
	w       io.Writer
	written int64
	schema  source.Schema
	lim     limits
	columns []*chunk.Column
	crew    *crew

	fixed       int   // bytes of the cells of one row without a length of their own
	variable    []int // the other columns
	strideRows  int   // of the stride begun
	strideBytes int
	groupRows   int

	rows   int64        // of the finished row groups
	groups int          // finished
	footer bytes.Buffer // the finished row groups' metadata, encoded

	err error // ends the writer
}

func newWriter(w io.Writer, schema source.Schema, lim limits, crew *crew) *writer {
	pw := &writer{w: w, schema: append(source.Schema{}, schema...), lim: lim, crew: crew}
	pool := chunk.NewPool(lim.groupBytes + len(schema)*chunk.BlockSize)
	for i, f := range pw.schema {
		pw.columns = append(pw.columns, chunk.NewColumn(f, &pw.lim.layout, pool))
		_, width := chunk.Storage(f.Kind)
		pw.fixed += width
		if f.Kind.Variable() {
			pw.variable = append(pw.variable, i)
		}
	}
	crew.order(pw.schema)
	return pw
}

// Write adds the rows of b. After an error the file cannot be finished.
func (w *writer) Write(b *source.Batch) error {
	if w.err == nil {
		w.err = errPanicked // stands if it does
		w.err = w.write(b)
	}
	return w.err
}

func (w *writer) write(b *source.Batch) error {
	if err := w.check(b); err != nil {
		return err
	}
	for lo := 0; lo < b.Len(); {
		n := w.stride(b, lo)
		err := w.crew.each(n*len(w.columns), func(e *chunk.Encoder, i int) error {
			return w.columns[i].Write(e, b.Col(i), lo, lo+n)
		})
		if err != nil {
			return err
		}
		lo += n
		if w.groupRows += n; !w.strideEnded() {
			continue
		}
		w.strideRows, w.strideBytes = 0, 0
		if w.groupRows == w.lim.groupRows || w.held() >= w.lim.groupBytes {
			if err := w.closeGroup(); err != nil {
				return err
			}
		}
	}
	return nil
}

// check finds a batch of another schema and nulls where there must be none.
func (w *writer) check(b *source.Batch) error {
	if len(b.Schema()) != len(w.schema) {
		return fmt.Errorf("parquetfmt: a batch of %d columns in a file of %d", len(b.Schema()), len(w.schema))
	}
	for i, f := range w.schema {
		v := b.Col(i)
		if v.Kind() != f.Kind {
			return fmt.Errorf("parquetfmt: column %q is %v in the batch and %v in the file", f.Name, v.Kind(), f.Kind)
		}
		if f.Required && v.Nulls() > 0 {
			return &source.DataError{Column: f.Name, Rule: "null in a required field"}
		}
	}
	return nil
}

// stride returns how many rows of b from lo on belong to the stride begun, and
// counts them.
func (w *writer) stride(b *source.Batch, lo int) int {
	n := min(b.Len()-lo, w.lim.strideRows-w.strideRows, w.lim.groupRows-w.groupRows)
	room := w.lim.strideBytes - w.strideBytes
	if w.cellBytes(b, lo, n) >= room { // the row that reaches the limit is the last
		n = 1 + sort.Search(n-1, func(i int) bool { return w.cellBytes(b, lo, i+1) >= room })
	}
	w.strideRows += n
	w.strideBytes += w.cellBytes(b, lo, n)
	return n
}

func (w *writer) strideEnded() bool {
	return w.strideRows >= w.lim.strideRows || w.strideBytes >= w.lim.strideBytes || w.groupRows == w.lim.groupRows
}

// cellBytes returns the bytes of the cells of n rows from lo on.
func (w *writer) cellBytes(b *source.Batch, lo, n int) int {
	size := w.fixed * n
	for _, i := range w.variable {
		offsets := b.Col(i).Offsets()
		size += int(offsets[lo+n] - offsets[lo])
	}
	return size
}

func (w *writer) held() int {
	n := 0
	for _, c := range w.columns {
		n += c.Held()
	}
	return n
}

// Close ends the file. Closing again does nothing.
func (w *writer) Close() error {
	if w.err != nil {
		if errors.Is(w.err, errClosed) {
			return nil
		}
		return w.err
	}
	if w.err = w.finish(); w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}

func (w *writer) finish() error {
	if err := w.closeGroup(); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	footer, err := w.fileMetadata()
	if err != nil {
		return fmt.Errorf("parquetfmt: encode the file's metadata: %w", err)
	}
	if len(footer) > math.MaxInt32 {
		return fmt.Errorf("parquetfmt: %d bytes of metadata are too many: write larger row groups", len(footer))
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	_, err = (*output)(w).Write(append(footer, magic...))
	return err
}

// begin writes what opens the file, once.
func (w *writer) begin() error {
	if w.written > 0 {
		return nil
	}
	_, err := (*output)(w).Write([]byte(magic))
	return err
}

// closeGroup writes the row group, if it has rows.
func (w *writer) closeGroup() error {
	if w.groupRows == 0 {
		return nil
	}
	if w.groups == maxRowGroups {
		return fmt.Errorf("parquetfmt: more than %d row groups: write larger ones", maxRowGroups)
	}
	if err := w.begin(); err != nil {
		return err
	}
	err := w.crew.each(w.groupRows*len(w.columns), func(e *chunk.Encoder, i int) error { return w.columns[i].End(e) })
	if err != nil {
		return err
	}
	group := parquet.RowGroup{
		Columns:    make([]parquet.ColumnChunk, len(w.columns)),
		NumRows:    int64(w.groupRows),
		FileOffset: w.written,
		Ordinal:    int16(w.groups),
	}
	for i, c := range w.columns {
		meta, err := c.Flush((*output)(w), w.written)
		if err != nil {
			return err
		}
		group.Columns[i].MetaData = meta
		group.TotalByteSize += meta.TotalUncompressedSize
		group.TotalCompressedSize += meta.TotalCompressedSize
	}
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&w.footer)).Encode(&group); err != nil {
		return fmt.Errorf("parquetfmt: encode a row group's metadata: %w", err)
	}
	w.rows += int64(w.groupRows)
	w.groups++
	w.groupRows, w.strideRows, w.strideBytes = 0, 0, 0
	return nil
}

// fileMetadata returns the FileMetaData structure. It is put together field by
// field because the row groups are kept encoded: that takes a tenth of the
// memory of the structures, and a long file of many columns has many of them.
func (w *writer) fileMetadata() ([]byte, error) {
	orders := make([]parquet.ColumnOrder, len(w.columns))
	for i := range orders {
		orders[i].Value = &parquet.TypeDefinedOrder{}
	}
	var dst bytes.Buffer
	out := new(thrift.CompactProtocol).NewWriter(&dst)
	enc := thrift.NewEncoder(out)
	err := errors.Join(
		out.WriteField(thrift.Field{ID: 1, Type: thrift.I32}),
		out.WriteInt32(metadataVersion),
		out.WriteField(thrift.Field{ID: 1, Type: thrift.LIST}), // the IDs are steps: 2, the schema
		enc.Encode(schemaElements(w.schema)),
		out.WriteField(thrift.Field{ID: 1, Type: thrift.I64}), // 3, the rows
		out.WriteInt64(w.rows),
		out.WriteField(thrift.Field{ID: 1, Type: thrift.LIST}), // 4, the row groups
		out.WriteList(thrift.List{Size: int32(w.groups), Type: thrift.STRUCT}),
	)
	dst.Write(w.footer.Bytes())
	err = errors.Join(err,
		out.WriteField(thrift.Field{ID: 2, Type: thrift.BINARY}), // 6, the writer's name
		out.WriteString(createdBy),
		out.WriteField(thrift.Field{ID: 1, Type: thrift.LIST}), // 7, how bounds are ordered
		enc.Encode(orders),
		out.WriteField(thrift.Field{Type: thrift.STOP}),
	)
	return dst.Bytes(), err
}

// output counts what goes to the file.
type output writer

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.written += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = fmt.Errorf("parquetfmt: write: %w", err)
	}
	return n, err
}
