package readback

import (
	_ "embed" // python.py
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback/program"
	"github.com/exportyard/exportyard/source"
)

//go:embed python.py
var script string

// python runs the script and decodes what it prints.
func python(t testing.TB, out any, args ...string) {
	t.Helper()
	require.NoError(t, json.Unmarshal(program.Run(t, "python3", "python3", append([]string{"-c", script}, args...)...), out))
}

// PythonCSV reads a file with Python's csv module, plain or gzip.
func (d Dataset) PythonCSV(t testing.TB, file string) [][]formattest.Cell {
	t.Helper()
	var rows [][]*string
	python(t, &rows, "csv", file)
	require.NotEmpty(t, rows)
	var names []string
	for _, name := range rows[0] {
		names = append(names, *name)
	}
	require.Equal(t, d.Schema.Names(), names)
	return cells(rows[1:])
}

// PythonJSON reads a file with Python's json module, plain or gzip: lines, or a
// document of one dataset or several.
func (d Dataset) PythonJSON(t testing.TB, layout, file string) [][]formattest.Cell {
	t.Helper()
	var content struct {
		Names [][]string
		Rows  [][]any
	}
	python(t, &content, layout, file, d.Name)
	require.Equal(t, [][]string{d.Schema.Names()}, content.Names, "the keys of the rows, in order")
	out := make([][]formattest.Cell, len(content.Rows))
	for i, row := range content.Rows {
		for c, field := range d.Schema {
			cell, err := cellOf(field.Kind, row[c])
			require.NoError(t, err, "%s: column %q, row %d", file, field.Name, i+1)
			out[i] = append(out[i], cell)
		}
	}
	return out
}

// cellOf takes a value of the type that the kind has in JSON; numbers come as an
// object with their text.
func cellOf(k source.Kind, value any) (formattest.Cell, error) {
	if value == nil {
		return formattest.Cell{Null: true}, nil
	}
	if k == source.JSON {
		text, err := json.Marshal(value)
		return formattest.Cell{Text: string(text)}, err
	}
	number, isNumber := value.(map[string]any)
	switch k.Base() {
	case source.Bool:
		if flag, ok := value.(bool); ok {
			return formattest.Cell{Text: fmt.Sprint(flag)}, nil
		}
	case source.Int64, source.AnyDecimal:
		if isNumber {
			return formattest.Cell{Text: number[""].(string)}, nil
		}
	case source.Float64:
		if text, ok := value.(string); ok && (text == "NaN" || text == "Infinity" || text == "-Infinity") {
			return formattest.Cell{Text: text}, nil
		}
		if isNumber {
			return formattest.Cell{Text: number[""].(string)}, nil
		}
	default:
		if text, ok := value.(string); ok {
			return formattest.Cell{Text: text}, nil
		}
	}
	return formattest.Cell{}, fmt.Errorf("a %T stands for a %v", value, k)
}

// PythonNumber is a number in a JSON cell as the script prints it.
func PythonNumber(number string) any { return map[string]any{"": number} }
