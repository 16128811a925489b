// Package typical is how a typical Go program encodes rows.
package typical

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/exportyard/exportyard/internal/bench/internal/encode"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// batchRows is how many rows GenericWriter is given at once.
const batchRows = 2048

// Encoder returns what a typical program does with the first n rows of the seed: encoding/csv,
// encoding/json, GenericWriter of parquet-go on a plain struct, or excelize's
// StreamWriter.
func Encoder(name string, n int, seed uint64) (encode.Encoder, error) {
	switch name {
	case "parquet":
		rows, err := usage.Rows(n, seed)
		return func(w io.Writer) error { return writeParquet(w, rows) }, err
	case "xlsx":
		cells, err := Cells(n, seed)
		return func(w io.Writer) error { return Workbook(w, cells, n) }, err
	}
	rows, err := usage.TypedRows(n, seed)
	switch name {
	case "csv":
		return func(w io.Writer) error { return writeCSV(w, rows) }, err
	case "ndjson":
		return func(w io.Writer) error { return writeJSON(w, rows) }, err
	}
	return nil, encode.Unknown(name)
}

func writeCSV(out io.Writer, rows []usage.Typed) error {
	w := csv.NewWriter(out)
	for i := range rows {
		if err := w.Write(rows[i].Record()); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func writeJSON(out io.Writer, rows []usage.Typed) error {
	enc := json.NewEncoder(out)
	for i := range rows {
		if err := enc.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeParquet(out io.Writer, rows []usage.Row) error {
	w := parquet.NewGenericWriter[usage.Row](out, parquet.Compression(&parquet.Snappy))
	for len(rows) > 0 {
		n := min(len(rows), batchRows)
		if _, err := w.Write(rows[:n]); err != nil {
			return errors.Join(err, w.Close())
		}
		rows = rows[n:]
	}
	return w.Close()
}
