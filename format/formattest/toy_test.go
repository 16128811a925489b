package formattest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// toy is a format made for this test: names and cells with their lengths
// before them. What is wrong with it is said by its defect, "" for nothing.
//
//	toy 1:n 4:text| 1:1 2:ab; 1:2 N.   a header, two rows, an end
type toy struct {
	defect string
	codec  format.Compression
}

var (
	_ format.DocumentFormatter = toy{}
	_ format.Compressing       = toy{}
)

func (f toy) Info() format.Info {
	info := format.Info{Name: "toy", Extension: "toy", MediaType: "text/toy"}
	switch f.defect {
	case "extension with a dot":
		info.Extension = ".toy"
	case "no media type":
		info.MediaType = "toy"
	case "info changes":
		info.Profile = fmt.Sprint("p", calls.Add(1))
	}
	return info
}

// calls counts calls, for defects that depend on what was before.
var calls atomic.Int64

func (f toy) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	b, err := f.Blocks(schema)
	if err != nil {
		if f.defect == "writes before it refuses" {
			_, _ = io.WriteString(w, "toy")
		}
		return nil, err
	}
	switch f.defect {
	case "header with the first rows":
		return &lateHeader{format.NewBlockWriter(w, b), w, false}, nil
	case "keeps batches":
		return &keeper{Writer: format.NewBlockWriter(w, b)}, nil
	case "swallows errors":
		return format.NewBlockWriter(&deaf{w}, b), nil
	case "its own error":
		return format.NewBlockWriter(&vague{w}, b), nil
	case "loses rows of small batches":
		return &loser{format.NewBlockWriter(w, b), 0}, nil
	}
	return format.NewBlockWriter(w, b), nil
}

func (f toy) Blocks(schema source.Schema) (format.Blocks, error) {
	for _, field := range schema {
		switch {
		case field.Kind.Valid() || f.defect == "takes every kind":
		case f.defect == "does not name the field":
			return nil, errors.New("toy: a field cannot be held")
		default:
			return nil, fmt.Errorf("toy: field %q cannot be held", field.Name)
		}
	}
	if f.defect == "255 columns" {
		schema = schema[:min(len(schema), 255)]
	}
	return &toyBlocks{f: f, schema: schema}, nil
}

func (f toy) WithCompression(c format.Compression) (format.Formatter, error) {
	if c != "" && !c.Valid() && f.defect != "takes every codec" {
		return nil, fmt.Errorf("toy: no compression %q", string(c))
	}
	if c != "" && f.defect == "takes no codec" {
		return nil, errors.New("toy: no compression at all")
	}
	f.codec = c
	return f, nil
}

func (f toy) AppendDocumentStart(dst []byte) []byte { return append(dst, "document"...) }

func (f toy) AppendDatasetStart(dst []byte, i int, name string) []byte {
	if f.defect == "datasets without a border" && i > 0 {
		return dst
	}
	if f.defect == "dataset names cut at quotes" {
		name, _, _ = strings.Cut(name, `"`)
	}
	return appendToken(append(dst, " set "...), name)
}

func (f toy) AppendDocumentEnd(dst []byte) []byte { return append(dst, " end"...) }

type toyBlocks struct {
	f      toy
	schema source.Schema
	active atomic.Int64
}

func (b *toyBlocks) AppendHeader(dst []byte) []byte {
	if b.f.defect == "starts anew" {
		dst = nil
	}
	dst = append(dst, "toy"...)
	if b.f.defect == "a number of its own" {
		dst = append(dst, bytes.Repeat([]byte(" "), int(calls.Add(1)%7))...)
	}
	names := b.schema.Names()
	switch b.f.defect {
	case "sorted columns":
		slices.Sort(names)
	case "clean names":
		for i := range names {
			names[i] = strings.Map(func(r rune) rune {
				if r < ' ' {
					return '_'
				}
				return r
			}, names[i])
		}
	}
	for _, name := range names {
		dst = appendToken(append(dst, ' '), name)
	}
	return append(dst, '|')
}

func (b *toyBlocks) AppendRows(dst []byte, batch *source.Batch) ([]byte, error) {
	if b.f.defect == "one at a time" {
		if b.active.Add(1) > 1 {
			dst = append(dst, '?')
		}
		defer b.active.Add(-1)
		for range 100 {
			calls.Add(1)
			yield()
		}
	}
	for i := range batch.Len() {
		if i > 0 {
			dst = append(dst, ';')
		}
		for c := range b.schema {
			dst = b.appendCell(append(dst, ' '), batch.Col(c), i)
		}
		if b.f.defect == "gzip loses nulls" && b.f.codec == format.Gzip {
			dst = bytes.ReplaceAll(dst, []byte(" N"), []byte(" 0:"))
		}
	}
	if b.f.defect == "marks the end of blocks" {
		dst = append(dst, ' ')
	}
	return dst, nil
}

func (b *toyBlocks) AppendSeparator(dst []byte) []byte {
	if b.f.defect == "no separator" {
		return dst
	}
	return append(dst, ';')
}

func (b *toyBlocks) AppendFooter(dst []byte) []byte { return append(dst, '.') }

func (b *toyBlocks) appendCell(dst []byte, v *source.Vector, i int) []byte {
	k := v.Kind()
	if v.Null(i) && b.f.defect != "nulls as zeros" && (b.f.defect != "nulls as empty texts" || k != source.String) {
		return append(dst, 'N')
	}
	var text string
	switch {
	case v.Null(i) && !k.Variable():
		text = "0"
	case b.f.defect == "int64 through float64" && k == source.Int64:
		text = strconv.FormatInt(int64(float64(v.Int64s()[i])), 10)
	case b.f.defect == "milliseconds" && k == source.Timestamp:
		text = string(source.AppendTimestamp(nil, v.Int64s()[i]/1000*1000))
	case b.f.defect == "decimals through float64" && k.Base() == source.AnyDecimal:
		x, _ := strconv.ParseFloat(string(source.AppendText(nil, v, i)), 64)
		text = strconv.FormatFloat(x, 'f', k.Scale(), 64)
	case b.f.defect == "no NaN" && k == source.Float64 && v.Float64s()[i] != v.Float64s()[i]:
		return append(dst, 'N')
	case b.f.defect == "":
		return appendCellText(dst, v, i)
	default:
		text = string(source.AppendText(nil, v, i))
	}
	switch b.f.defect {
	case "line feeds alone":
		text = strings.ReplaceAll(text, "\r\n", "\n")
	case "stops at NUL":
		text, _, _ = strings.Cut(text, "\x00")
	case "drops a byte order mark":
		text = strings.TrimPrefix(text, "\ufeff")
	case "trims":
		text = strings.Trim(text, " ")
	case "64 KiB a cell":
		text = text[:min(len(text), 1<<16)]
	case "reorders JSON":
		if k == source.JSON {
			text = strings.ReplaceAll(text, "2.50", "2.5")
		}
	}
	return appendToken(dst, text)
}

// appendCellText is appendToken of the cell's text without an allocation.
func appendCellText(dst []byte, v *source.Vector, i int) []byte {
	from := len(dst)
	n := len(source.AppendText(dst, v, i)) - from
	return source.AppendText(append(strconv.AppendInt(dst, int64(n), 10), ':'), v, i)
}

func appendToken(dst []byte, text string) []byte {
	return append(append(strconv.AppendInt(dst, int64(len(text)), 10), ':'), text...)
}

// lateHeader leaves a file without rows empty.
type lateHeader struct {
	format.Writer
	w     io.Writer
	wrote bool
}

func (w *lateHeader) Write(b *source.Batch) error {
	w.wrote = w.wrote || b.Len() > 0
	return w.Writer.Write(b)
}

func (w *lateHeader) Close() error {
	if !w.wrote {
		return nil
	}
	return w.Writer.Close()
}

// keeper writes at the end.
type keeper struct {
	format.Writer
	all []*source.Batch
}

func (w *keeper) Write(b *source.Batch) error {
	w.all = append(w.all, b)
	return nil
}

func (w *keeper) Close() error {
	for _, b := range w.all {
		if err := w.Writer.Write(b); err != nil {
			return err
		}
	}
	return w.Writer.Close()
}

type deaf struct{ w io.Writer }

func (w *deaf) Write(p []byte) (int, error) {
	_, _ = w.w.Write(p)
	return len(p), nil
}

type vague struct{ w io.Writer }

func (w *vague) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = errors.New("toy: cannot write")
	}
	return n, err
}

// loser forgets every batch of 63 rows.
type loser struct {
	format.Writer
	n int
}

func (w *loser) Write(b *source.Batch) error {
	if b.Len() == 63 {
		return nil
	}
	return w.Writer.Write(b)
}
