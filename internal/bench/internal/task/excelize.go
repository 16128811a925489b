package task

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// excelize writes rows that lie in memory with its StreamWriter, as its
// documentation shows it.
func (t Task) excelize() (r Result, err error) {
	rows, err := usage.Rows(memoryRows, t.Seed)
	if err != nil {
		return r, err
	}
	cells := make([][]any, len(rows))
	for i := range rows {
		if cells[i], err = excelCells(&rows[i]); err != nil {
			return r, err
		}
	}
	path := filepath.Join(t.Folder, "excelize.xlsx")
	from := t.here()
	if err := t.workbook(path, cells); err != nil {
		return r, err
	}
	r.fill(from, t.here())
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	r.Rows, r.Bytes = int64(t.Rows), info.Size()
	return r, nil
}

func excelCells(row *usage.Row) ([]any, error) {
	cost, err := strconv.ParseFloat(row.CreditCost, 64)
	if err != nil {
		return nil, err
	}
	cells := []any{
		row.RunID, row.OrgID, row.UserID, row.ThreadID, row.UserName, row.UserEmail, row.Title, row.Model, row.Status, cost,
		row.Tokens, row.Cached, row.CreatedAt, nil, string(row.Settings),
	}
	if row.FinishedAt != nil {
		cells[13] = *row.FinishedAt
	}
	return cells, nil
}

func (t Task) workbook(path string, cells [][]any) (err error) {
	book := excelize.NewFile()
	defer func() { err = errors.Join(err, book.Close()) }()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	var header []any
	for _, name := range formattest.UsageSchema().Names() {
		header = append(header, name)
	}
	if err := w.SetRow("A1", header); err != nil {
		return err
	}
	for i := range t.Rows {
		at, err := excelize.CoordinatesToCellName(1, i+2)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, cells[i%len(cells)]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return book.SaveAs(path)
}
