package xlsxfmt_test

import (
	"fmt"
	"testing"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]xlsxfmt.Format{
		"sheets as they are": {},
		"sheets of 997 rows": xlsxfmt.WithSheetRows(xlsxfmt.Format{}, 997),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formattest.Run(t, func(*testing.T) formattest.Harness {
				return formattest.Harness{
					Formatter: f, Decode: decode, DecodeArchive: decodeArchive,
					MaxText: xlsxfmt.MaxCell,
				}
			})
		})
	}
}

func decode(file []byte, schema source.Schema) (formattest.Table, error) {
	sheets, err := readBook(file)
	if err != nil {
		return formattest.Table{}, err
	}
	return table(sheets, schema)
}

func decodeArchive(file []byte, schemas []source.Schema) ([]formattest.Dataset, error) {
	sheets, err := readBook(file)
	if err != nil {
		return nil, err
	}
	if len(schemas) == 0 && len(sheets) == 1 && len(sheets[0].rows) == 0 {
		return nil, nil // a workbook has a sheet at least
	}
	if len(sheets) != len(schemas) {
		return nil, fmt.Errorf("%d sheets for %d datasets", len(sheets), len(schemas))
	}
	var out []formattest.Dataset
	for i, s := range sheets {
		rows, err := table(sheets[i:i+1], schemas[i])
		if err != nil {
			return nil, err
		}
		out = append(out, formattest.Dataset{Name: s.name, Table: rows})
	}
	return out, nil
}
