package rowsum_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

type row struct {
	ID   int64   `export:"id"`
	Text *string `export:"text"`
	Data string  `export:"data,json"`
}

func text(s string) *string { return &s }

var rows = []row{{1, text("a, \"b\"\r\nc"), `{"a": 1}`}, {2, nil, `"x"`}, {3, text(""), "[]"}}

var schema = []manifest.Field{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}, {Name: "data", Kind: source.JSON}}

// sumOf adds up a source of those rows.
func sumOf(t *testing.T, rows []row) rowsum.Sum {
	t.Helper()
	src, err := slicesource.New("rows", rows, &slicesource.Options{Unguarded: true})
	require.NoError(t, err)
	sums, err := rowsum.Source(context.Background(), src, &manifest.Manifest{Datasets: []manifest.Dataset{{Name: "rows", Schema: schema}}})
	require.NoError(t, err)
	return sums["rows"]
}

// fileSum adds up a file with that content.
func fileSum(t *testing.T, format, content string) (rowsum.Sum, error) {
	t.Helper()
	bucket, err := memsink.New(nil)
	require.NoError(t, err)
	bucket.Put("file", []byte(content))
	sums, err := rowsum.Files(context.Background(), bucket, &manifest.Manifest{
		Datasets: []manifest.Dataset{{Name: "rows", Schema: schema}},
		Files:    []manifest.File{{Key: "file", Dataset: "rows", Format: format}},
	})
	return sums["rows"], err
}

func TestSource_DependsOnTheRowsAndNotOnTheirOrder(t *testing.T) {
	t.Parallel()
	want := sumOf(t, rows)
	require.Equal(t, int64(3), want.Rows)
	require.Equal(t, want, sumOf(t, []row{rows[2], rows[0], rows[1]}))
	for name, other := range map[string][]row{
		"dropped":         {rows[0], rows[1]},
		"repeated":        {rows[0], rows[1], rows[2], rows[1]},
		"swapped":         {rows[0], rows[1], rows[1]},
		"cell changed":    {rows[0], rows[1], {3, text("x"), "[]"}},
		"null for empty":  {rows[0], rows[1], {3, nil, "[]"}},
		"cells exchanged": {{2, rows[0].Text, rows[0].Data}, {1, rows[1].Text, rows[1].Data}, rows[2]},
		"cells moved":     {rows[0], {2, text(`"x"`), ""}, rows[2]},
	} {
		require.NotEqual(t, want, sumOf(t, other), name)
	}
}

func TestFiles_EqualTheSource(t *testing.T) {
	t.Parallel()
	want := sumOf(t, rows)
	for _, tt := range []struct{ format, content string }{
		{"csv", "id,text,data\r\n1,\"a, \"\"b\"\"\r\nc\",\"{\"\"a\"\": 1}\"\r\n3,\"\",[]\r\n2,,\"\"\"x\"\"\"\r\n"},
		{"ndjson", `{"id":2,"text":null,"data":"x"}` + "\n" + `{"id":1,"text":"a, \"b\"\r\nc","data":{"a": 1}}` + "\n" + `{"id":3,"text":"","data":[]}` + "\n"},
		{"json", `[{"id":2,"text":null,"data":"x"},{"id":1,"text":"a, \"b\"\r\nc","data":{"a": 1}},{"id":3,"text":"","data":[]}]`},
	} {
		got, err := fileSum(t, tt.format, tt.content)
		require.NoError(t, err)
		require.Equal(t, want, got, tt.format)
	}
}

func TestFiles_RefuseWhatIsNoSuchFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, format, content string }{
		{"no header", "csv", ""},
		{"another header", "csv", "id,data,text\r\n"},
		{"a row too short", "csv", "id,text,data\r\n1,a\r\n"},
		{"cut in a row", "csv", "id,text,data\r\n1,a,[]\r\n2,b"},
		{"cut in quotes", "csv", "id,text,data\r\n1,\"a\r\n"},
		{"a quote in the middle", "csv", "id,text,data\r\n1,a\"b,[]\r\n"},
		{"something behind a quote", "csv", "id,text,data\r\n1,\"a\"b,[]\r\n"},
		{"a bare LF", "csv", "id,text,data\n1,a,[]\n"},
		{"a bare CR", "csv", "id,text,data\r\n1,a\rb,[]\r\n"},
		{"no last line feed", "ndjson", `{"id":1,"text":"a","data":[]}`},
		{"a value too few", "ndjson", `{"id":1,"text":"a"}` + "\n"},
		{"another value", "ndjson", `{"id":1,"text":"a","date":[]}` + "\n"},
		{"cut", "json", `[{"id":1,"text":"a","data":[]}`},
		{"something behind", "json", `[]x`},
		{"no array", "json", `{}`},
		{"no reader", "parquet", ""},
	} {
		_, err := fileSum(t, tt.format, tt.content)
		require.Error(t, err, tt.name)
	}
}
