package rowsum

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// Files reads an export's CSV and JSON files and adds up their rows for each dataset.
func Files(ctx context.Context, s sink.Sink, m *manifest.Manifest) (map[string]Sum, error) {
	f := files{schemas: make(map[string][]manifest.Field), sums: make(map[string]*Sum)}
	for _, d := range m.Datasets {
		if d.Skipped == "" {
			f.schemas[d.Name], f.sums[d.Name] = d.Schema, new(Sum)
		}
	}
	for _, file := range m.Files {
		if err := f.file(ctx, s, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Key, err)
		}
	}
	out := make(map[string]Sum, len(f.sums))
	for name, sum := range f.sums {
		out[name] = *sum
	}
	return out, nil
}

type files struct {
	schemas map[string][]manifest.Field
	sums    map[string]*Sum
}

func (f *files) file(ctx context.Context, s sink.Sink, file manifest.File) error {
	stored, err := s.Open(ctx, file.Key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = stored.Close() }()
	in, err := plain(stored, file.Compression)
	if err != nil {
		return err
	}
	switch {
	case file.Format == "csv":
		return f.csv(in, file.Dataset)
	case file.Format == "ndjson":
		return f.lines(in, file.Dataset)
	case file.Format == "json" && file.Dataset == "":
		return f.document(in, file.Datasets)
	case file.Format == "json":
		return f.array(json.NewDecoder(in), file.Dataset)
	default:
		return fmt.Errorf("no reader for %s", file.Format)
	}
}

// plain undoes the compression.
func plain(r io.Reader, c format.Compression) (*bufio.Reader, error) {
	const size = 64 << 10
	switch c {
	case format.Gzip:
		in, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		in.Multistream(false) // one member, as every tool reads it
		return bufio.NewReaderSize(in, size), nil
	case format.Zstd:
		in, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(in, size), nil
	default:
		return bufio.NewReaderSize(r, size), nil
	}
}

// csv reads RFC 4180, where an empty field is a null and an empty text is quoted.
func (f *files) csv(in *bufio.Reader, dataset string) error {
	schema := f.schemas[dataset]
	names, _, err := record(in, nil, nil)
	if err != nil {
		return err
	}
	if len(names) != len(schema) {
		return fmt.Errorf("%d columns instead of %d", len(names), len(schema))
	}
	for i := range names {
		if string(names[i]) != schema[i].Name {
			return fmt.Errorf("column %q stands where %q belongs", names[i], schema[i].Name)
		}
	}
	var fields [][]byte
	var quoted []bool
	var row cells
	for {
		fields, quoted, err = record(in, fields[:0], quoted[:0])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(fields) != len(schema) {
			return fmt.Errorf("a row of %d fields", len(fields))
		}
		row = row[:0]
		for i, field := range fields {
			if len(field) == 0 && !quoted[i] {
				row = row.null()
			} else {
				row = row.cell(schema[i].Kind, field)
			}
		}
		f.sums[dataset].add(row)
	}
}

// record reads one record into the memory of the last one. It returns io.EOF
// where none begins.
func record(in *bufio.Reader, fields [][]byte, quoted []bool) ([][]byte, []bool, error) {
	var field []byte
	begin := func() {
		if len(fields) < cap(fields) { // what the last record left there
			field = fields[:len(fields)+1][len(fields)][:0]
		} else {
			field = nil
		}
	}
	begin()
	inside, wasQuoted := false, false
	for first := true; ; first = false {
		c, err := in.ReadByte()
		switch {
		case err == io.EOF && first:
			return fields, quoted, io.EOF
		case err == io.EOF:
			return nil, nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, nil, err
		case inside && c == '"':
			if next, _ := in.Peek(1); len(next) == 1 && next[0] == '"' {
				_, _ = in.Discard(1)
				field = append(field, '"')
			} else {
				inside = false
			}
		case inside:
			field = append(field, c)
		case c == '"' && len(field) == 0 && !wasQuoted:
			inside, wasQuoted = true, true
		case c == ',':
			fields, quoted, wasQuoted = append(fields, field), append(quoted, wasQuoted), false
			begin()
		case c == '\r':
			if c, err = in.ReadByte(); err != nil || c != '\n' {
				return nil, nil, errors.New("CR without LF")
			}
			return append(fields, field), append(quoted, wasQuoted), nil
		case c == '"' || c == '\n' || wasQuoted:
			return nil, nil, fmt.Errorf("%q outside of quotes", c)
		default:
			field = append(field, c)
		}
	}
}

func (f *files) lines(in *bufio.Reader, dataset string) error {
	var row cells
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the last line: %w", err)
		}
		if row, err = f.object(row[:0], line, dataset); err != nil {
			return err
		}
		f.sums[dataset].add(row)
	}
}

// document reads an object with an array of rows for each dataset.
func (f *files) document(in io.Reader, datasets []string) error {
	dec := json.NewDecoder(in)
	if err := expect(dec, json.Delim('{')); err != nil {
		return err
	}
	for _, name := range datasets {
		if err := expect(dec, name); err != nil {
			return err
		}
		if err := f.rows(dec, name); err != nil {
			return err
		}
	}
	if err := expect(dec, json.Delim('}')); err != nil {
		return err
	}
	return ended(dec)
}

func (f *files) array(dec *json.Decoder, dataset string) error {
	if err := f.rows(dec, dataset); err != nil {
		return err
	}
	return ended(dec)
}

func (f *files) rows(dec *json.Decoder, dataset string) error {
	if err := expect(dec, json.Delim('[')); err != nil {
		return err
	}
	var row cells
	for dec.More() {
		var object json.RawMessage
		err := dec.Decode(&object)
		if err != nil {
			return err
		}
		if row, err = f.object(row[:0], object, dataset); err != nil {
			return err
		}
		f.sums[dataset].add(row)
	}
	return expect(dec, json.Delim(']'))
}

// expect reads one token, which must be want.
func expect(dec *json.Decoder, want json.Token) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v stands where %v belongs", got, want)
	}
	return err
}

func ended(dec *json.Decoder) error {
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("something behind the end (%w)", err)
	}
	return nil
}

// object appends the cells of a row.
func (f *files) object(row cells, object []byte, dataset string) (cells, error) {
	values := make(map[string]json.RawMessage)
	if err := json.Unmarshal(object, &values); err != nil {
		return nil, err
	}
	schema := f.schemas[dataset]
	if len(values) != len(schema) {
		return nil, fmt.Errorf("a row of %d values", len(values))
	}
	for _, field := range schema {
		value, ok := values[field.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("a row without %q", field.Name)
		case string(value) == "null":
			row = row.null()
		case field.Kind != source.JSON && bytes.HasPrefix(value, []byte(`"`)):
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, err
			}
			row = row.text([]byte(text))
		default:
			row = row.text(value)
		}
	}
	return row, nil
}
