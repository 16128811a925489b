package parquetfmt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

// writeFile returns the file of the batches.
func writeFile(t testing.TB, f parquetfmt.Format, schema source.Schema, batches ...*source.Batch) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := f.NewWriter(&file, schema)
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	return file.Bytes()
}

func openFile(t testing.TB, file []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return f
}

// null is what readColumn returns for a null cell.
const null = "∅"

// readColumns reads all cells of a file with parquet-go's page reader, as the
// text of their kinds; it takes the kinds from schema and decodes the physical
// values by itself.
func readColumns(t testing.TB, file []byte, schema source.Schema) [][]string {
	t.Helper()
	f := openFile(t, file)
	columns := make([][]string, len(schema))
	for _, group := range f.RowGroups() {
		chunks := group.ColumnChunks()
		require.Len(t, chunks, len(schema))
		for i, chunk := range chunks {
			before := len(columns[i])
			cells, err := readChunk(chunk, schema[i].Kind)
			require.NoError(t, err)
			columns[i] = append(columns[i], cells...)
			require.EqualValues(t, group.NumRows(), len(columns[i])-before)
		}
	}
	return columns
}

func readChunk(chunk parquet.ColumnChunk, kind source.Kind) (cells []string, err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	one := source.NewBatch(source.Schema{{Name: "x", Kind: kind}}, 1, 0)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return cells, nil
		}
		if err != nil {
			return nil, err
		}
		values := make([]parquet.Value, page.NumValues())
		n, err := page.Values().ReadValues(values)
		if n != len(values) || err != nil && err != io.EOF {
			return nil, fmt.Errorf("%d of %d values: %w", n, len(values), err)
		}
		for _, v := range values {
			cells = append(cells, cellText(one, v))
		}
		parquet.Release(page)
	}
}

// cellText appends v to the batch of one column, which it empties, and returns
// its text.
func cellText(b *source.Batch, v parquet.Value) string {
	if v.IsNull() {
		return null
	}
	b.Reset()
	vec := b.Col(0)
	switch vec.Kind().Base() {
	case source.Bool:
		vec.AppendBool(v.Boolean())
	case source.Int64, source.Timestamp, source.DateTime:
		vec.AppendInt64(v.Int64())
	case source.Date:
		vec.AppendInt64(int64(v.Int32()))
	case source.Float64:
		vec.AppendFloat64(v.Double())
	case source.UUID:
		vec.AppendUUID([16]byte(v.ByteArray()))
	case source.AnyDecimal:
		vec.AppendDecimal(decimalOf(v))
	default:
		if err := vec.AppendBytes(v.ByteArray()); err != nil {
			return err.Error()
		}
	}
	return string(source.AppendText(nil, vec, 0))
}

func decimalOf(v parquet.Value) source.Int128 {
	switch v.Kind() {
	case parquet.Int32:
		return source.Int128From(int64(v.Int32()))
	case parquet.Int64:
		return source.Int128From(v.Int64())
	default:
		return wideOf(v.ByteArray())
	}
}

// wideOf reads sixteen bytes, the most significant first, digit by digit.
func wideOf(b []byte) (x source.Int128) {
	for i, c := range b {
		if i < 8 {
			x.Hi = x.Hi<<8 | int64(c)
		} else {
			x.Lo = x.Lo<<8 | uint64(c)
		}
	}
	return x
}

// texts returns the cells of the batches as readColumns does.
func texts(schema source.Schema, batches ...*source.Batch) [][]string {
	columns := make([][]string, len(schema))
	for _, b := range batches {
		for i := range schema {
			v := b.Col(i)
			for row := range b.Len() {
				if v.Null(row) {
					columns[i] = append(columns[i], null)
				} else {
					columns[i] = append(columns[i], string(source.AppendText(nil, v, row)))
				}
			}
		}
	}
	return columns
}

// requireCells compares columns of cells. Only what differs is worth the time of
// a readable comparison.
func requireCells(t require.TestingT, want, got [][]string) {
	if !reflect.DeepEqual(want, got) {
		require.Fail(t, "the cells differ", cmp.Diff(want, got))
	}
}
