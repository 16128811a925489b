package xlsxfmt

import (
	"io"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/cell"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/zipfile"
	"github.com/exportyard/exportyard/source"
)

// The limits of a workbook, which every program that reads one has.
const (
	// MaxRows is how many rows a sheet holds, its header among them.
	MaxRows = 1 << 20
	// MaxColumns is how many columns a sheet holds.
	MaxColumns = 1 << 14
	// MaxCell is how many characters a cell holds, counted in UTF-16.
	MaxCell = cell.MaxText
	// MaxSheetName is how long the name of a sheet may be, counted in UTF-16.
	MaxSheetName = 31
)

// Format makes XLSX files. The zero value is ready to use.
type Format struct {
	// Sheet is the name of the sheet that NewWriter fills, made legal where it
	// is not. Default: Sheet1. Datasets of an archive bring their own names.
	Sheet string

	sheetRows int // of data; 0 is MaxRows less the header
}

var _ format.ArchiveFormatter = Format{}

// Info describes the files.
func (f Format) Info() format.Info {
	return format.Info{
		Name: "xlsx", Extension: "xlsx",
		MediaType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}
}

// Rows returns the encoder for rows of that schema. It returns an error that
// names the field that a sheet cannot hold.
func (f Format) Rows(schema source.Schema) (format.Rows, error) { return newRows(schema) }

// NewArchive starts a workbook with a sheet for each dataset.
func (f Format) NewArchive(w io.Writer) format.Archive { return f.newArchive(w) }

// NewWriter starts a workbook of rows of that schema, with the errors of Rows.
func (f Format) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	rows, err := newRows(schema)
	if err != nil {
		return nil, err
	}
	return &writer{archive: f.newArchive(w), rows: rows, schema: schema, sheet: f.Sheet}, nil
}

func (f Format) newArchive(w io.Writer) *archive {
	a := &archive{zip: zipfile.NewWriter(w), sheetRows: f.sheetRows, names: sheetNames{taken: make(map[string]bool)}}
	if a.sheetRows == 0 {
		a.sheetRows = MaxRows - 1
	}
	return a
}
