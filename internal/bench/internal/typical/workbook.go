package typical

import (
	"errors"
	"io"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// Cells are the first n rows of the seed as a program hands them to excelize.
func Cells(n int, seed uint64) ([][]any, error) {
	rows, err := usage.Rows(n, seed)
	if err != nil {
		return nil, err
	}
	cells := make([][]any, len(rows))
	for i := range rows {
		r := &rows[i]
		cost, err := strconv.ParseFloat(r.CreditCost, 64)
		if err != nil {
			return nil, err
		}
		cells[i] = []any{
			r.RunID, r.OrgID, r.UserID, r.ThreadID, r.UserName, r.UserEmail, r.Title, r.Model, r.Status, cost,
			r.Tokens, r.Cached, r.CreatedAt, nil, string(r.Settings),
		}
		if r.FinishedAt != nil {
			cells[i][13] = *r.FinishedAt
		}
	}
	return cells, nil
}

// Workbook writes n rows, those of cells again and again, with excelize's
// StreamWriter as its documentation shows it.
func Workbook(out io.Writer, cells [][]any, n int) (err error) {
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
	for i := range n {
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
	return book.Write(out)
}
