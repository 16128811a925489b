package jsonfmt

import (
	"io"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// Lines makes NDJSON files: an object and a line feed for each row.
type Lines struct {
	// WideAsStrings writes Int64 and Decimal cells as strings, for JavaScript and
	// DuckDB. Default: as numbers with every digit.
	WideAsStrings bool
}

// Document makes JSON files: an array of objects, or several in one object.
type Document struct {
	// WideAsStrings writes Int64 and Decimal cells as strings, for JavaScript and
	// DuckDB. Default: as numbers with every digit.
	WideAsStrings bool
}

var (
	_ format.BlockFormatter    = Lines{}
	_ format.DocumentFormatter = Document{}
)

func profile(wideAsStrings bool) string {
	if wideAsStrings {
		return "strings"
	}
	return ""
}

// Info describes the files. The profile is "strings" with WideAsStrings.
func (f Lines) Info() format.Info {
	return format.Info{Name: "ndjson", Profile: profile(f.WideAsStrings), Extension: "ndjson", MediaType: "application/x-ndjson"}
}

// NewWriter starts a file of rows of that schema.
func (f Lines) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	return newWriter(f, w, schema)
}

// Blocks returns the encoder for rows of that schema.
func (f Lines) Blocks(schema source.Schema) (format.Blocks, error) {
	r, err := newRows(schema, f.WideAsStrings)
	if err != nil {
		return nil, err
	}
	r.oneLine, r.after = true, "\n"
	return r, nil
}

// Info describes the files. The profile is "strings" with WideAsStrings.
func (f Document) Info() format.Info {
	return format.Info{Name: "json", Profile: profile(f.WideAsStrings), Extension: "json", MediaType: "application/json"}
}

// NewWriter starts a file with one array of rows of that schema.
func (f Document) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	return newWriter(f, w, schema)
}

// Blocks returns the encoder for rows of that schema.
func (f Document) Blocks(schema source.Schema) (format.Blocks, error) {
	r, err := newRows(schema, f.WideAsStrings)
	if err != nil {
		return nil, err
	}
	r.header, r.before, r.between, r.footer = "[", "\n", ",", "\n]\n"
	return r, nil
}

// AppendDocumentStart appends the brace that opens the document.
func (f Document) AppendDocumentStart(dst []byte) []byte { return append(dst, "{\n"...) }

// AppendDatasetStart appends the key of the i-th dataset.
func (f Document) AppendDatasetStart(dst []byte, i int, name string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst, _ = appendString(dst, []byte(name))
	return append(dst, ':')
}

// AppendDocumentEnd appends the brace that closes the document.
func (f Document) AppendDocumentEnd(dst []byte) []byte { return append(dst, "}\n"...) }

func newWriter(f format.BlockFormatter, w io.Writer, schema source.Schema) (format.Writer, error) {
	b, err := f.Blocks(schema)
	if err != nil {
		return nil, err
	}
	return format.NewBlockWriter(w, b), nil
}
