// Package pipeline moves the rows of one reader through a format into a writer:
// read, check, encode, compress, checksum. Reading, encoding on all workers, and
// writing overlap; a fixed ring of reused units is both the bound on memory
// and the back-pressure. Bytes and order do not depend on the number of workers.
package pipeline

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A Spec says how rows become bytes.
type Spec struct {
	// Schema of the batches; the first Columns of it are written.
	Schema  source.Schema
	Columns int
	// Check is called with each batch before it is encoded, by several
	// goroutines at once.
	Check func(*source.Batch) error
	// Dataset is whose rows they are, for formats that name their tables.
	Dataset string
	// Format encodes. Where it is a BlockFormatter, Compression goes around it.
	Format      format.Formatter
	Compression format.Compression
	// Level of the compression; 0 is the codec's default.
	Level int
	// Piece leaves out what stands before and after the rows: the output is
	// to be joined with others.
	Piece bool
	// Workers encode at once. At least 1.
	Workers int
	// Progress, if not nil, counts as rows are written.
	Progress *Progress
}

// Progress counts what has been written so far. It is safe for concurrent use.
type Progress struct{ Rows, Bytes atomic.Int64 }

// A Result describes what was written.
type Result struct {
	// ReadRows were counted where they were read, Rows where they were written.
	ReadRows, Rows int64
	// Stored is of what went to the writer, Raw of the bytes before compression.
	Stored Digest
	Raw    format.Sum
}

// A Digest tells stored bytes apart from all others.
type Digest struct {
	Bytes  int64
	SHA256 [32]byte
	CRC32  uint32
}

// A PanicError is a panic of a source, a format or a writer, caught.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says what kind of panic it was. The text of a value that was thrown may be
// anything, also the row at hand, so only the text of the runtime's own is shown.
func (e *PanicError) Error() string {
	if own, ok := e.Value.(runtime.Error); ok {
		return "panic: " + own.Error()
	}
	return fmt.Sprintf("panic of type %T", e.Value)
}

// LogValue gives logs the stack too, which has places and no values.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", e.Error()), slog.String("stack", string(e.Stack)))
}

// A ReadError is an error of the reader, and a WriteError one of the writer:
// whoever handles the failure needs to know whose it was.
type ReadError struct{ Err error }

// Error returns the reader's own text.
func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the reader's error.
func (e *ReadError) Unwrap() error { return e.Err }

// A WriteError is an error of the writer.
type WriteError struct{ Err error }

// Error returns the writer's own text.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap returns the writer's error.
func (e *WriteError) Unwrap() error { return e.Err }

// Run reads r to its end and writes the file or piece to w. It does not close
// either. It returns when nothing of its own runs any more. Once ctx ends it
// writes nothing more, and its error is, or wraps, the cause of that.
func Run(ctx context.Context, r source.Reader, w io.Writer, spec Spec) (Result, error) {
	out := NewMeter(ctx, w, spec.Progress)
	res, err := run(ctx, r, out, spec)
	if err != nil {
		return Result{}, err
	}
	res.Stored = out.Digest()
	return res, nil
}

func run(ctx context.Context, r source.Reader, out *Meter, spec Spec) (res Result, err error) {
	defer Recovered(&err)
	schema := spec.Schema[:spec.Columns]
	switch f := spec.Format.(type) {
	case format.BlockFormatter:
		blocks, err := f.Blocks(schema)
		if err != nil {
			return Result{}, err
		}
		return runBlocks(ctx, r, out, textShape(blocks, out, spec), spec)
	case format.ArchiveFormatter:
		rows, err := f.Rows(schema)
		if err != nil {
			return Result{}, err
		}
		return runBlocks(ctx, r, out, archiveShape(f, rows, out, spec), spec)
	default:
		return runWhole(ctx, r, out, spec)
	}
}

// Recovered turns a panic into a [PanicError] when it is deferred.
func Recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// A Meter counts and hashes what goes to a writer.
type Meter struct {
	ctx      context.Context
	w        io.Writer
	sha      hash.Hash
	crc      uint32
	bytes    int64
	progress *Progress
}

// NewMeter returns a meter in front of w. ctx bounds its life; p may be nil.
func NewMeter(ctx context.Context, w io.Writer, p *Progress) *Meter {
	if p == nil {
		p = new(Progress)
	}
	return &Meter{ctx: ctx, w: w, sha: sha256.New(), progress: p}
}

// Write refuses, with the cause, once the context is canceled: a worker that has
// lost its lease must not write another byte. Errors of the writer are
// [WriteError]s, unless it was the context that ended the writer.
func (m *Meter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if m.ctx.Err() != nil {
		return 0, context.Cause(m.ctx)
	}
	n, err := m.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	switch {
	case err != nil && m.ctx.Err() != nil:
		return n, context.Cause(m.ctx)
	case err != nil:
		return n, &WriteError{err}
	}
	m.sha.Write(p)
	m.crc = crc32.Update(m.crc, crc32.IEEETable, p)
	m.bytes += int64(n)
	m.progress.Bytes.Add(int64(n))
	return n, nil
}

// Digest returns what has been written so far.
func (m *Meter) Digest() Digest {
	d := Digest{Bytes: m.bytes, CRC32: m.crc}
	m.sha.Sum(d.SHA256[:0])
	return d
}

func (m *Meter) rows(n int) { m.progress.Rows.Add(int64(n)) }
