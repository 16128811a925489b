package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/internal/bench/internal/typical"
)

// workbook writes rows that lie in memory, the same ones again and again, by excelize.
func workbook(t task.Task) (r task.Result, err error) {
	cells, err := typical.Cells(task.MemoryRows, t.Seed)
	if err != nil {
		return r, err
	}
	path := filepath.Join(t.Folder, "excelize.xlsx")
	from := t.Here()
	f, err := os.Create(path)
	if err != nil {
		return r, err
	}
	if err := errors.Join(typical.Workbook(f, cells, t.Rows), f.Close()); err != nil {
		return r, err
	}
	r.Fill(from, t.Here())
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	r.Rows, r.Bytes = int64(t.Rows), info.Size()
	return r, nil
}
