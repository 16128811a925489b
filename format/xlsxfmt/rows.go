package xlsxfmt

import (
	"fmt"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/cell"
	"github.com/exportyard/exportyard/source"
)

// rows implements [format.Rows]: rows and cells without addresses, which a sheet
// counts by itself, so that rows can stand anywhere in it.
type rows struct {
	names   []string
	columns []cell.Column
}

var _ format.Rows = (*rows)(nil)

func newRows(schema source.Schema) (*rows, error) {
	r := &rows{names: schema.Names()}
	for i, field := range schema {
		switch {
		case i >= MaxColumns:
			return nil, fmt.Errorf("xlsxfmt: field %q: it is column %d, and a sheet has %d", field.Name, i+1, MaxColumns)
		case !field.Kind.Valid():
			return nil, fmt.Errorf("xlsxfmt: field %q: xlsx cannot hold %v", field.Name, field.Kind)
		case cell.TooLong([]byte(field.Name)):
			return nil, fmt.Errorf("xlsxfmt: field %.40q…: the name has %s", field.Name, tooLong)
		}
		r.columns = append(r.columns, cell.NewColumn(field.Kind))
	}
	return r, nil
}

var tooLong = fmt.Sprintf("more than the %d characters that a cell of xlsx holds", MaxCell)

// AppendRows appends the rows of b.
func (r *rows) AppendRows(dst []byte, b *source.Batch) (_ []byte, err error) {
	for i := range b.Len() {
		if dst, err = r.appendRow(dst, b, i); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (r *rows) appendRow(dst []byte, b *source.Batch, i int) ([]byte, error) {
	dst = append(dst, "<row>"...)
	for c := range r.columns {
		var fits bool
		if dst, fits = r.columns[c].Append(dst, b.Col(c), i); !fits {
			return dst, &source.DataError{Column: r.names[c], Rule: "a text has " + tooLong}
		}
	}
	return append(dst, "</row>"...), nil
}
