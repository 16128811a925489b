package readback_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { os.Exit(readback.Main(m)) }

// partRows makes several parts of the values, which are joined.
const partRows = 200

var codecs = []format.Compression{format.None, format.Gzip, format.Zstd}

func declared(source.Field) string { return "" }

// An empty field is a null and a pair of quotes an empty text: every cell comes
// back, told what its type is.
func TestR16_DuckDBReadsCSV(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	var readings []readback.Reading
	for _, c := range codecs {
		files := readback.Export(t, values, partRows, export.Request{Format: "csv", Compression: c})
		for _, d := range values {
			query := d.Typed(`read_csv(%s, columns = %s, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
				nullstr = '', allow_quoted_nulls = false, strict_mode = true)`, files[d.Name], declared)
			readings = append(readings, readback.Reading{Dataset: d, Files: files[d.Name], Query: query, Same: readback.Equal})
		}
	}
	readback.CompareAll(t, readings)
}

// Python's csv has one value for a null and an empty text.
func TestR16_PythonReadsCSV(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	for _, c := range []format.Compression{format.None, format.Gzip} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			files := readback.Export(t, values, partRows, export.Request{Format: "csv", Compression: c})
			for _, d := range values {
				for _, file := range files[d.Name] {
					readback.Compare(t, filepath.Base(file), d, d.PythonCSV(t, file), readback.EmptyIsNull)
				}
			}
		})
	}
}
