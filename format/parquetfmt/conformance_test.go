package parquetfmt_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	formattest.Run(t, func(*testing.T) formattest.Harness {
		return formattest.Harness{Formatter: parquetfmt.Format{}, Decode: decode}
	})
}

// decode reads a file with parquet-go.
func decode(file []byte, schema source.Schema) (formattest.Table, error) {
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return formattest.Table{}, err
	}
	table := formattest.Table{Names: []string{}}
	for _, path := range f.Schema().Columns() {
		table.Names = append(table.Names, path...)
	}
	if len(table.Names) != len(schema) {
		return table, fmt.Errorf("%d columns, want %d", len(table.Names), len(schema))
	}
	table.Rows = make([][]formattest.Cell, f.NumRows())
	first := 0
	for _, group := range f.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			cells, err := readChunk(chunk, schema[i].Kind)
			if err != nil {
				return table, err
			}
			if int64(len(cells)) != group.NumRows() {
				return table, fmt.Errorf("column %d has %d cells in %d rows", i, len(cells), group.NumRows())
			}
			for row, text := range cells {
				cell := formattest.Cell{Text: text}
				if text == null {
					cell = formattest.Cell{Null: true}
				}
				table.Rows[first+row] = append(table.Rows[first+row], cell)
			}
		}
		first += int(group.NumRows())
	}
	return table, nil
}
