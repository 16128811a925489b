package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// chinook is a real database of a music shop.
var chinook = filepath.Join("..", "..", "internal", "e2e", "testdata", "chinook.sqlite")

// Bad flags are all named at once, the status is 2, and nothing is written.
func TestFlags_BadOnesAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want []string // in this order, each in a line of its own
	}{
		{"unknown", []string{"-bogus"}, []string{"-bogus"}},
		{"no flag at all", []string{"orders"}, []string{`"orders" is not a flag`}},
		{"zone", []string{"-tz", "Mars/Olympus"}, []string{`-tz: "Mars/Olympus" is not an IANA time zone`}},
		{"zone of this machine", []string{"-tz", "Local"}, []string{`-tz: "Local"`}},
		{"empty zone", []string{"-tz", ""}, []string{"-tz:"}},
		{"from", []string{"-from", "yesterday"}, []string{`-from: "yesterday" is not a time`}},
		{"to", []string{"-to", "2026-13-01"}, []string{`-to: "2026-13-01" is not a time`}},
		{"empty range", []string{"-from", "2026-10-02", "-to", "2026-10-02"}, []string{"-to: is not after -from"}},
		{"interval", []string{"-interval", "year"}, []string{`-interval: "year" is not none, hour, day, week or month`}},
		{"format", []string{"-format", "xml"}, []string{`-format: "xml" is not csv, excel, ndjson, json, parquet or xlsx`}},
		{"compression", []string{"-compress", "lzma"}, []string{`-compress: "lzma" is not none, gzip or zstd`}},
		{"columns of everything", []string{"-columns", "id"}, []string{"-columns: needs exactly one -dataset"}},
		{"columns of two", []string{"-dataset", "a", "-dataset", "b", "-columns", "id"}, []string{"-columns: needs exactly one -dataset"}},
		{"database", []string{"-db", "no/such.db"}, []string{`-db: "no/such.db" is not a file that can be read`}},
		{"folder for a database", []string{"-db", "."}, []string{`-db: "." is not a file`}},
		{"empty database", []string{"-db", ""}, []string{`-db: "" is not a file`}},
		{"text for a database", []string{"-db", "flags_test.go"}, []string{"-db: file is not a database"}},
		{"no time column", []string{"-db", chinook, "-interval", "day"}, []string{"-time-column: is needed with -from, -to and -interval"}},
		{"tenant without column", []string{"-db", chinook, "-tenant", "x"}, []string{"-tenant and -tenant-column: give both or none"}},
		{"column without tenant", []string{"-db", chinook, "-tenant-column", "x"}, []string{"-tenant and -tenant-column: give both or none"}},
		{"the demo's own columns", []string{"-tenant-column", "x", "-time-column", "y"}, []string{"-tenant-column: goes with -db", "-time-column: goes with -db"}},
		{"verify beside others", []string{"-verify", ".", "-format", "csv"}, []string{"-format: does not go with -verify"}},
		{"verify nothing", []string{"-verify", ""}, []string{"-verify: needs a folder"}},
		{"datasets", []string{"-db", chinook, "-dataset", "Nope", "-dataset", "Genre", "-dataset", "Nada"}, []string{`-dataset: no table "Nope"`, `-dataset: no table "Nada"`}},
		{"time column that no table has", []string{"-db", chinook, "-time-column", "Nope", "-interval", "day"}, []string{`-time-column: no table to export has a column "Nope"`}},
		{"tenant column that no table has", []string{"-db", chinook, "-tenant-column", "Nope", "-tenant", "x"}, []string{`-tenant-column: no table to export has a column "Nope"`}},
		{"both of them", []string{"-db", chinook, "-tenant-column", "Nope", "-tenant", "x", "-time-column", "Nada"}, []string{"-tenant-column: no table", "-time-column: no table"}},
		{
			"everything at once",
			[]string{"-bogus", "-format", "x", "more", "-compress", "y", "-tz", "Mars", "-interval", "eon", "-from", "z", "-to", "q", "-columns", "a", "-db", "no/such.db", "-nope=3"},
			[]string{"-bogus", `"more" is not a flag`, "-nope", "-tz:", "-from:", "-to:", "-interval:", "-format:", "-compress:", "-columns:", "-db:", "-time-column:"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := newPlace(t)
			args := tt.args
			if args[0] != "-verify" {
				args = append(at.flags(), args...)
			}
			o := here(t, seams{}, args...)
			requireNamed(t, o, tt.want)
			entries, err := os.ReadDir(filepath.Dir(at.state))
			require.NoError(t, err)
			require.Empty(t, entries, "something was written")
		})
	}
}

// What only the catalog can tell is found by the engine's own check: nothing
// is queued and no file is written.
func TestFlags_BadSelectionsAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"columns", []string{"-dataset", "Invoice", "-columns", "Total,Nope,Total"}, []string{`-columns: dataset "Invoice" has no field "Nope"`, `-columns: column "Total" is named twice`}},
		{"dataset twice", []string{"-dataset", "Genre", "-dataset", "Genre"}, []string{`-dataset: dataset "Genre" is named twice`}},
		{"dataset without time", []string{"-dataset", "Genre", "-dataset", "Invoice", "-time-column", "InvoiceDate", "-interval", "month"}, []string{`-dataset: dataset "Genre" has no time column`}},
		{"dataset without tenant", []string{"-dataset", "Genre", "-dataset", "Invoice", "-tenant-column", "BillingCountry", "-tenant", "Norway"}, []string{`-dataset: dataset "Genre" is off: it has no column BillingCountry`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := newPlace(t)
			requireNamed(t, here(t, seams{}, at.flags(append([]string{"-db", chinook}, tt.args...)...)...), tt.want)
			files, err := filesIn(at.out)
			require.NoError(t, err)
			require.Empty(t, files)
			// The same jobs take a better request right away.
			o := here(t, seams{}, at.flags("-db", chinook, "-dataset", "Genre")...)
			require.Equal(t, "verified: 1 files, 25 rows", o.last(), "%v", o)
		})
	}
}

// requireNamed requires exit status 2 and a line for each problem.
func requireNamed(t *testing.T, o outcome, want []string) {
	t.Helper()
	require.Equal(t, 2, o.code, "%v", o)
	require.Empty(t, o.stdout)
	lines := strings.Split(strings.TrimSuffix(o.stderr, "\n"), "\n")
	require.Equal(t, "quickstart: bad flags:", lines[0])
	require.Len(t, lines[1:], len(want), "%v", o)
	for i, text := range want {
		require.Contains(t, lines[i+1], text)
	}
}

func TestFlags_Help(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"-h", "-help", "--help"} {
		o := here(t, seams{}, name)
		require.Zero(t, o.code)
		require.Empty(t, o.stdout)
		for _, flag := range []string{
			"db", "pg", "tenant-column", "tenant", "dataset", "columns", "time-column", "from", "to", "tz", "interval",
			"format", "compress", "out", "state", "verify", "json",
		} {
			require.Regexp(t, `(?m)^  -`+flag+`\b`, o.stderr)
		}
	}
}

// The job store is never put into the database that is exported.
func TestFlags_StateIsNotTheDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, "shop.db")
	data, err := os.ReadFile(chinook)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(db, data, 0o600))
	o := here(t, seams{}, "-db", db, "-state", filepath.Join(dir, ".", "shop.db"), "-out", filepath.Join(dir, "out"))
	requireNamed(t, o, []string{"-state: is the database that is to be exported"})
	after, err := os.ReadFile(db)
	require.NoError(t, err)
	require.Equal(t, data, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
