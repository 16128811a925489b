package readback

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// DuckDB runs queries whose columns are all VARCHAR and returns the rows of each.
func DuckDB(t testing.TB, queries ...string) [][][]formattest.Cell {
	t.Helper()
	var results [][][]*string
	Node(t, &results, "duckdb.mjs", queries...)
	out := make([][][]formattest.Cell, len(results))
	for i, rows := range results {
		out[i] = cells(rows)
	}
	return out
}

// A Reading is a query that reads a dataset's files back, and how the cells compare.
type Reading struct {
	Dataset
	Files []string
	Query string
	Same  Rule
}

// CompareAll lets DuckDB read files and compares the cells with the source's.
func CompareAll(t testing.TB, readings []Reading) {
	t.Helper()
	var queries []string
	for _, r := range readings {
		queries = append(queries, r.Query)
	}
	for i, rows := range DuckDB(t, queries...) {
		Compare(t, readings[i].Files[0], readings[i].Dataset, rows, readings[i].Same)
	}
}

// Quoted is a text in a query.
func Quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Name is a column in a query.
func Name(f source.Field) string { return `"` + strings.ReplaceAll(f.Name, `"`, `""`) + `"` }

// Type is the type of a column in DuckDB and PostgreSQL.
func Type(f source.Field) string {
	switch k := f.Kind; k.Base() {
	case source.Bool:
		return "boolean"
	case source.Int64:
		return "bigint"
	case source.Float64:
		return "double precision"
	case source.AnyDecimal:
		return fmt.Sprintf("decimal(%d,%d)", k.Precision(), k.Scale())
	case source.Date:
		return "date"
	case source.Timestamp:
		return "timestamptz"
	case source.DateTime:
		return "timestamp"
	case source.UUID:
		return "uuid"
	case source.JSON:
		return "json"
	default:
		return "text" // bytes too: base64 in formats of text
	}
}

// Typed is a query that reads files of text, by one of DuckDB's functions, with the
// types that the source has, or those that override has for some.
func (d Dataset) Typed(function string, files []string, override func(f source.Field) string) string {
	var columns, names []string
	for _, f := range d.Schema {
		ty := override(f)
		if ty == "" {
			ty = Type(f)
		}
		columns = append(columns, Quoted(f.Name)+": "+Quoted(ty))
		names = append(names, Name(f)+"::varchar")
	}
	return fmt.Sprintf("select %s from %s", strings.Join(names, ", "),
		fmt.Sprintf(function, list(files), "{"+strings.Join(columns, ", ")+"}"))
}

// Parquet is a query that reads Parquet files with the types that they have.
func (d Dataset) Parquet(files []string) string {
	var columns []string
	for _, f := range d.Schema {
		column := Name(f)
		if f.Kind == source.Bytes {
			column = "base64(" + column + ")"
		}
		columns = append(columns, column+"::varchar")
	}
	return fmt.Sprintf("select %s from read_parquet(%s)", strings.Join(columns, ", "), list(files))
}

func list(files []string) string {
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = Quoted(file)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Double is a number as DuckDB reads one of JSON: an integer, or the nearest double
// if it has a point or an exponent, or its text where there is none.
func Double(number string) any {
	switch {
	case number == "-0":
		return "0"
	case !strings.ContainsAny(number, ".eE"):
		return number
	}
	if x, err := strconv.ParseFloat(number, 64); err == nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return number
}
