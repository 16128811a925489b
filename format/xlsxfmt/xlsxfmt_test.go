package xlsxfmt_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var numbers = source.Schema{{Name: "n", Kind: source.Int64}}

// count returns a batch of the numbers from first on.
func count(first, n int) *source.Batch {
	b := source.NewBatch(numbers, n, 1<<30)
	for i := range n {
		b.Col(0).AppendInt64(int64(first + i))
		b.EndRow()
	}
	return b
}

func encode(t require.TestingT, f format.Formatter, schema source.Schema, all ...*source.Batch) []byte {
	var file bytes.Buffer
	w, err := f.NewWriter(&file, schema)
	require.NoError(t, err)
	for _, b := range all {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	return file.Bytes()
}

// pack makes a block as the engine does.
func pack(t *testing.T, b *source.Batch) format.PackedRows {
	t.Helper()
	rows, err := xlsxfmt.Format{}.Rows(b.Schema())
	require.NoError(t, err)
	raw, err := rows.AppendRows(nil, b)
	require.NoError(t, err)
	p, err := format.NewPacker(format.Gzip, format.ArchiveLevel)
	require.NoError(t, err)
	block, err := p.AppendBlock(nil, raw)
	require.NoError(t, err)
	return format.PackedRows{Rows: b.Len(), Raw: format.SumOf(raw), Block: block}
}

func TestR23_SheetsRoll(t *testing.T) {
	t.Parallel()
	f := xlsxfmt.WithSheetRows(xlsxfmt.Format{Sheet: "runs"}, 10)
	for rows, want := range map[int][]int{0: {0}, 1: {1}, 9: {9}, 10: {10}, 11: {10, 1}, 20: {10, 10}, 35: {10, 10, 10, 5}} {
		t.Run(fmt.Sprint(rows, " rows"), func(t *testing.T) {
			t.Parallel()
			sheets, err := readBook(encode(t, f, numbers, count(0, rows)))
			require.NoError(t, err)
			next := 0
			for i, s := range sheets {
				name := "runs"
				if i > 0 {
					name = fmt.Sprintf("runs (%d)", i+1)
				}
				require.Equal(t, name, s.name)
				require.Len(t, s.rows, want[i]+1)
				require.Equal(t, "n", s.rows[0][0].text, "every sheet has the header")
				for _, row := range s.rows[1:] {
					require.Equal(t, fmt.Sprint(next), row[0].text)
					next++
				}
			}
			require.Len(t, sheets, len(want))
			require.Equal(t, rows, next)
		})
	}
}

// The engine's blocks are never cut: a block that does not fit begins a sheet.
func TestR23_BlocksRoll(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	a := xlsxfmt.WithSheetRows(xlsxfmt.Format{}, 10).NewArchive(&file)
	require.NoError(t, a.Dataset("first", numbers))
	for i := range 4 {
		require.NoError(t, a.Block(pack(t, count(4*i, 4))))
	}
	require.NoError(t, a.Dataset("second", numbers))
	require.NoError(t, a.Block(pack(t, count(0, 10))))
	require.NoError(t, a.Close())
	sheets, err := readBook(file.Bytes())
	require.NoError(t, err)
	var got []string
	for _, s := range sheets {
		got = append(got, fmt.Sprintf("%s: %d rows", s.name, len(s.rows)-1))
	}
	require.Equal(t, []string{"first: 8 rows", "first (2): 8 rows", "second: 10 rows"}, got)
}

// The true limit: a sheet is full at 1,048,576 rows with its header.
func TestR23_RealSheetsRoll(t *testing.T) {
	t.Parallel()
	const rows = xlsxfmt.MaxRows + 5
	batch := count(7, 1<<15)
	var all []*source.Batch
	for range rows / batch.Len() {
		all = append(all, batch)
	}
	all = append(all, count(7, rows%batch.Len()))
	z := open(t, encode(t, xlsxfmt.Format{}, numbers, all...))
	require.Equal(t, 1<<20, rowsOf(t, z, "xl/worksheets/sheet1.xml"))
	require.Equal(t, 1+6, rowsOf(t, z, "xl/worksheets/sheet2.xml"))
}

func open(t *testing.T, file []byte) *zip.Reader {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return z
}

func rowsOf(t *testing.T, z *zip.Reader, name string) int {
	t.Helper()
	f, err := z.Open(name)
	require.NoError(t, err)
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return bytes.Count(data, []byte("<row>"))
}

func TestR23_Columns(t *testing.T) {
	t.Parallel()
	schema := make(source.Schema, xlsxfmt.MaxColumns+1)
	for c := range schema {
		schema[c] = source.Field{Name: fmt.Sprint("column_", c+1), Kind: source.Bool}
	}
	_, err := xlsxfmt.Format{}.NewWriter(io.Discard, schema)
	require.EqualError(t, err, `xlsxfmt: field "column_16385": it is column 16385, and a sheet has 16384`)
	fits := schema[:xlsxfmt.MaxColumns]
	b := source.NewBatch(fits, 0, 0)
	for c := range fits {
		b.Col(c).AppendBool(c%3 == 0)
	}
	b.EndRow()
	sheets, err := readBook(encode(t, xlsxfmt.Format{}, fits, b))
	require.NoError(t, err)
	require.Len(t, sheets[0].rows[1], xlsxfmt.MaxColumns)

	a := xlsxfmt.Format{}.NewArchive(io.Discard)
	require.ErrorContains(t, a.Dataset("wide", schema), "column_16385")
	_, err = xlsxfmt.Format{}.Rows(source.Schema{{Name: strings.Repeat("long ", 7000), Kind: source.Bool}})
	require.ErrorContains(t, err, "the name has more than the 32767 characters")
}

func TestR23_LongCells(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "id", Kind: source.Int64}, {Name: "note", Kind: source.String}}
	b := source.NewBatch(schema, 0, 0)
	for i, n := range []int{xlsxfmt.MaxCell, xlsxfmt.MaxCell + 1} {
		b.Col(0).AppendInt64(int64(i))
		require.NoError(t, b.Col(1).AppendString(strings.Repeat("x", n)))
		b.EndRow()
	}
	w, err := xlsxfmt.Format{}.NewWriter(io.Discard, schema)
	require.NoError(t, err)
	err = w.Write(b)
	var refused *source.DataError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, &source.DataError{Column: "note", Rule: "a text has more than the 32767 characters that a cell of xlsx holds"}, refused)
	require.ErrorIs(t, w.Write(count(0, 1)), err, "the error stays")
	require.ErrorIs(t, w.Close(), err)
}

func TestSheetNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		given []string
		want  []string
	}{
		{"as they are", []string{"runs", "Läufe 漢字", "a & <b> \"c\""}, []string{"runs", "Läufe 漢字", "a & <b> \"c\""}},
		{"forbidden characters", []string{`a:b\c/d?e*f[g]h`, "tab\tline\n", "\x00"}, []string{"a_b_c_d_e_f_g_h", "tab_line_", "_"}},
		{"blank", []string{"", " ", "\u00a0"}, []string{"Sheet1", "Sheet1 (2)", "Sheet1 (3)"}},
		{"apostrophes", []string{"'runs'", "'", "it's"}, []string{"_runs_", "_", "it's"}},
		{"reserved", []string{"History", "HISTORY", "Historya"}, []string{"History_", "HISTORY_ (2)", "Historya"}},
		{"twice", []string{"runs", "runs", "runs (2)"}, []string{"runs", "runs (2)", "runs (2) (2)"}},
		{"case", []string{"runs", "RUNS", "ΣΟΦΟΣ", "σοφος", "σοφoς"}, []string{"runs", "RUNS (2)", "ΣΟΦΟΣ", "σοφος (2)", "σοφoς"}},
		{
			"long",
			[]string{strings.Repeat("a", 40), strings.Repeat("a", 41), strings.Repeat("🚀", 16), strings.Repeat("x", 30) + "'y"},
			[]string{strings.Repeat("a", 31), strings.Repeat("a", 27) + " (2)", strings.Repeat("🚀", 15), strings.Repeat("x", 30) + "_"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var file bytes.Buffer
			a := xlsxfmt.Format{}.NewArchive(&file)
			for _, name := range tt.given {
				require.NoError(t, a.Dataset(name, numbers))
			}
			require.NoError(t, a.Close())
			sheets, err := readBook(file.Bytes())
			require.NoError(t, err)
			var got []string
			for _, s := range sheets {
				got = append(got, s.name)
				require.LessOrEqual(t, len(utf16.Encode([]rune(s.name))), xlsxfmt.MaxSheetName)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// Bytes follow the rows and not the batches, whose size is not of their making.
func TestBytesDoNotDependOnBatches(t *testing.T) {
	t.Parallel()
	const rows = 5000
	all := source.NewBatch(formattest.UsageSchema(), rows, 1<<30)
	require.NoError(t, formattest.AppendUsage(all, 3, rows))
	want := encode(t, xlsxfmt.Format{}, all.Schema(), all)
	for _, n := range []int{1, 7, 999, 4096} {
		b := source.NewBatch(all.Schema(), n, 1<<30)
		var file bytes.Buffer
		w, err := xlsxfmt.Format{}.NewWriter(&file, all.Schema())
		require.NoError(t, err)
		for i := range rows {
			for c := range all.Schema() {
				if all.Col(c).Null(i) {
					b.Col(c).AppendNull()
				} else {
					require.NoError(t, source.ParseText(b.Col(c), string(source.AppendText(nil, all.Col(c), i))))
				}
			}
			b.EndRow()
			if b.Full() || i == rows-1 {
				require.NoError(t, w.Write(b))
				b.Reset()
			}
		}
		require.NoError(t, w.Close())
		require.True(t, bytes.Equal(want, file.Bytes()), "batches of %d rows", n)
	}
}

// A writer that is dropped leaves nothing behind: TestMain looks for goroutines.
func TestDroppedWriter(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(formattest.UsageSchema(), 3000, 1<<30)
	require.NoError(t, formattest.AppendUsage(b, 1, 3000))
	w, err := xlsxfmt.Format{}.NewWriter(io.Discard, b.Schema())
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
}

func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		use  func(a format.Archive) error
		want string
	}{
		{"rows before a dataset", func(a format.Archive) error { return a.Block(pack(t, count(0, 1))) }, "rows before a dataset"},
		{"a block larger than a sheet", func(a format.Archive) error {
			return errors.Join(a.Dataset("a", numbers), a.Block(pack(t, count(0, 11))))
		}, "a block of 11 rows"},
		{"a closed archive", func(a format.Archive) error {
			return errors.Join(a.Close(), a.Dataset("a", numbers))
		}, "closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := xlsxfmt.WithSheetRows(xlsxfmt.Format{}, 10).NewArchive(io.Discard)
			require.ErrorContains(t, tt.use(a), tt.want)
			require.ErrorContains(t, a.Close(), tt.want, "the error stays")
		})
	}
}

// The file tells what it is from its first entries on, and has no time in it.
func TestFileBeginsAsXLSX(t *testing.T) {
	t.Parallel()
	z := open(t, encode(t, xlsxfmt.Format{}, numbers))
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		require.Equal(t, 1980, f.Modified.Year())
	}
	want := []string{"[Content_Types].xml", "_rels/.rels", "xl/styles.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"}
	require.True(t, slices.Equal(want, names), "%q", names)
}
