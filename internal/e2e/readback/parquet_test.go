package readback_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/source"
)

// DuckDB takes the types from the file, and finds every cell as it was.
func TestR16_DuckDBReadsParquet(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	var readings []readback.Reading
	for _, c := range append(codecs, "") { // which is Snappy
		files := readback.Export(t, values, partRows, export.Request{Format: "parquet", Compression: c})
		for _, d := range values {
			readings = append(readings, readback.Reading{Dataset: d, Files: files[d.Name], Query: d.Parquet(files[d.Name]), Same: readback.Equal})
		}
	}
	readback.CompareAll(t, readings)
}

// Row groups of decimals of both signs have the bounds that their values have, for
// each width that a decimal is stored in, and a reader that skips row groups by
// them finds exactly the rows that it should.
func TestR16_DuckDBFiltersDecimals(t *testing.T) {
	t.Parallel()
	d := readback.MixedSigns()
	file := readback.Export(t, readback.Datasets{d}, int64(len(d.Rows)), export.Request{Format: "parquet"})[d.Name]
	require.Len(t, file, 1)
	readback.CompareAll(t, []readback.Reading{{Dataset: d, Files: file, Query: d.Parquet(file), Same: readback.Equal}})
	var all []question
	for c, f := range d.Schema[1:] {
		column := d.Numbers(t, c+1)
		all = append(all, askBounds(file[0], f, column))
		all = append(all, askFilters(file[0], f, column)...)
	}
	var queries []string
	for _, q := range all {
		queries = append(queries, q.query)
	}
	for i, got := range readback.DuckDB(t, queries...) {
		require.Empty(t, cmp.Diff(all[i].want, got), all[i].query)
	}
}

// A question is a query and the rows that are its answer.
type question struct {
	query string
	want  [][]formattest.Cell
}

// askBounds asks what the file says of each row group.
func askBounds(file string, f source.Field, column []*source.Int128) question {
	q := question{query: fmt.Sprintf(`select row_group_num_rows::varchar, stats_null_count::varchar,
			regexp_replace(stats_min_value, '^(-?)[.]', '\10.'), regexp_replace(stats_max_value, '^(-?)[.]', '\10.')
		from parquet_metadata(%s) where path_in_schema = %s order by row_group_id`, readback.Quoted(file), readback.Quoted(f.Name))}
	for group := range slices.Chunk(column, readback.RowGroupRows) {
		var values []source.Int128
		for _, x := range group {
			if x != nil {
				values = append(values, *x)
			}
		}
		row := []formattest.Cell{{Text: fmt.Sprint(len(group))}, {Text: fmt.Sprint(len(group) - len(values))}, {Null: true}, {Null: true}}
		if len(values) > 0 {
			row[2] = number(slices.MinFunc(values, source.Int128.Cmp), f)
			row[3] = number(slices.MaxFunc(values, source.Int128.Cmp), f)
		}
		q.want = append(q.want, row)
	}
	return q
}

func number(x source.Int128, f source.Field) formattest.Cell {
	return formattest.Cell{Text: string(source.AppendDecimal(nil, x, f.Kind.Scale()))}
}

// askFilters asks for the rows on either side of zero and of some of the values.
func askFilters(file string, f source.Field, column []*source.Int128) []question {
	signs := map[string]func(sign int) bool{
		"<": func(sign int) bool { return sign < 0 }, "<=": func(sign int) bool { return sign <= 0 },
		">": func(sign int) bool { return sign > 0 }, ">=": func(sign int) bool { return sign >= 0 },
		"=": func(sign int) bool { return sign == 0 },
	}
	bounds := []source.Int128{{}}
	for i, x := range column {
		if x != nil && i%13 == 0 {
			bounds = append(bounds, *x)
		}
	}
	var all []question
	for _, bound := range bounds {
		for sign, holds := range signs {
			q := question{query: fmt.Sprintf("select id::varchar from read_parquet(%s) where %s %s %s::%s order by id",
				readback.Quoted(file), readback.Name(f), sign, readback.Quoted(number(bound, f).Text), readback.Type(f)), want: [][]formattest.Cell{}}
			for i, x := range column {
				if x != nil && holds(x.Cmp(bound)) {
					q.want = append(q.want, []formattest.Cell{{Text: fmt.Sprint(i + 1)}})
				}
			}
			all = append(all, q)
		}
	}
	return all
}
