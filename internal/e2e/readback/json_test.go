package readback_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/source"
)

// Python reads every digit of every number, in lines, in an array, and in a
// document of all datasets.
func TestR16_PythonReadsJSON(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	for _, r := range []export.Request{
		{Format: "ndjson"},
		{Format: "ndjson", Compression: export.Gzip},
		{Format: "json", Layout: export.Files},
		{Format: "json", Compression: export.Gzip},
	} {
		t.Run(r.Format+" "+string(r.Layout)+" "+string(r.Compression), func(t *testing.T) {
			t.Parallel()
			files := readback.Export(t, values, partRows, r)
			for _, d := range values {
				file := append(files[d.Name], files[""]...)
				require.Len(t, file, 1)
				got := d.PythonJSON(t, r.Format, file[0])
				readback.Compare(t, filepath.Base(file[0]), d, got, readback.SameJSON(readback.PythonNumber))
			}
		})
	}
}

// DuckDB makes a double of every number of JSON that has a point or an exponent,
// so that decimals come back whole from the profile that has them as strings, and
// as the nearest double from the other.
func TestR16_DuckDBReadsJSON(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	layouts := map[string]string{"ndjson": "newline_delimited", "json": "array"}
	var readings []readback.Reading
	for _, r := range []export.Request{
		{Format: "ndjson"},
		{Format: "ndjson", Compression: export.Gzip},
		{Format: "ndjson", Compression: export.Zstd, Profile: "strings"},
		{Format: "json", Layout: export.Files, Compression: export.Zstd},
		{Format: "json", Layout: export.Files, Compression: export.Gzip, Profile: "strings"},
	} {
		files := readback.Export(t, values, partRows, r)
		types, same := declared, readback.SameJSON(readback.Double)
		if r.Profile == "" {
			types, same = fractionsAsDoubles, doublesOfFractions
		}
		for _, d := range values {
			query := d.Typed("read_json(%s, columns = %s, format = '"+layouts[r.Format]+"')", files[d.Name], types)
			readings = append(readings, readback.Reading{Dataset: d, Files: files[d.Name], Query: query, Same: same})
		}
	}
	readback.CompareAll(t, readings)
}

func fractionsAsDoubles(f source.Field) string {
	if f.Kind.Scale() > 0 {
		return "double"
	}
	return ""
}

func doublesOfFractions(f source.Field, want, got formattest.Cell) bool {
	if f.Kind.Scale() > 0 && !want.Null && !got.Null {
		a, err := strconv.ParseFloat(want.Text, 64)
		b, err2 := strconv.ParseFloat(got.Text, 64)
		return err == nil && err2 == nil && a == b
	}
	return readback.SameJSON(readback.Double)(f, want, got)
}
