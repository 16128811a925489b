package quickstart_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// build makes the quickstart as a program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "quickstart")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./examples/quickstart")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "GOWORK=") // the workspace, also where this module is tested without
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// quickstart runs it to its end and returns the standard output and error.
func quickstart(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// archive is what a manifest says of files.
type archive struct {
	Rows int64 `json:"rows"`
	AsOf struct {
		Snapshot string `json:"snapshot"`
	} `json:"as_of"`
	Files []struct {
		Key     string `json:"key"`
		Dataset string `json:"dataset"`
	} `json:"files"`
}

// exported runs the quickstart and returns its manifest and the rows of every
// table, whose names are made alike.
func exported(t *testing.T, program string, flags ...string) (archive, map[string][][]string) {
	t.Helper()
	dir := t.TempDir()
	out, errs, err := quickstart(t, program, append(flags, "-json", "-compress", "none", "-state", filepath.Join(dir, "jobs.db"), "-out", filepath.Join(dir, "files"))...)
	require.NoError(t, err, "%s%s", out, errs)
	var a archive
	require.NoError(t, json.Unmarshal([]byte(out), &a))
	tables := make(map[string][][]string)
	for _, f := range a.Files {
		data, err := os.ReadFile(filepath.Join(dir, "files", filepath.FromSlash(f.Key)))
		require.NoError(t, err)
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(t, err)
		for i, column := range rows[0] {
			rows[0][i] = plain(column)
		}
		tables[plain(f.Dataset)] = rows
	}
	return a, tables
}

// plain makes InvoiceLine and invoice_line the same.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// chinook loads the database, and returns how to connect to it. The script writes
// texts as N'…', which are char(n) to PostgreSQL: it stores them without trailing
// blanks, of which SQLite's file has one.
func chinook(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("..", "testdata", "chinook_postgres.sql"))
	require.NoError(t, err)
	pool, dsn := server.StartPostgresPool(t)
	own := regexp.MustCompile(`(?m)^(DROP DATABASE|CREATE DATABASE|\\c) .*$`).ReplaceAll(script, nil)
	_, err = pool.Exec(t.Context(), string(own))
	require.NoError(t, err)
	var length int
	require.NoError(t, pool.QueryRow(t.Context(), "select length(city) from customer where customer_id = 54").Scan(&length))
	require.Equal(t, len("Edinburgh"), length)
	return dsn
}

// The same database in PostgreSQL gives the same rows as in SQLite, through the
// same flags.
func TestPostgreSQL_SameRowsAsSQLite(t *testing.T) {
	t.Parallel()
	dsn, program := chinook(t), build(t)
	sqlite := filepath.Join("..", "testdata", "chinook.sqlite")
	_, want := exported(t, program, "-db", sqlite)
	a, got := exported(t, program, "-pg", dsn)
	require.EqualValues(t, 15607, a.Rows)
	require.NotEmpty(t, a.AsOf.Snapshot)
	require.Len(t, got, 11)
	for table, rows := range want {
		for _, row := range rows {
			for i := range row {
				row[i] = strings.TrimRight(row[i], " ") // as chinook says
			}
		}
		require.True(t, reflect.DeepEqual(rows, got[table]), table)
	}

	_, want = exported(t, program, "-db", sqlite, "-dataset", "Invoice", "-time-column", "InvoiceDate", "-from", "2022-01-01", "-to", "2023-01-01", "-columns", "InvoiceId,Total")
	_, got = exported(t, program, "-pg", dsn, "-dataset", "invoice", "-time-column", "invoice_date", "-from", "2022-01-01", "-to", "2023-01-01", "-columns", "invoice_id,total")
	require.Equal(t, want, got)
	require.Greater(t, len(got["invoice"]), 10)
}

// What is wrong with the flags is said of them, and no password is repeated.
func TestPostgreSQL_Flags(t *testing.T) {
	t.Parallel()
	dsn, program := chinook(t), build(t)
	tests := []struct {
		name  string
		flags []string
		want  []string
	}{
		{"both", []string{"-pg", dsn, "-db", "x"}, []string{"-pg: does not go with -db"}},
		{"empty", []string{"-pg", ""}, []string{"-pg: needs a connection URL"}},
		{"no such table", []string{"-pg", dsn, "-dataset", "Invoice"}, []string{`-dataset: no table "Invoice"`}},
		{"no such column", []string{"-pg", dsn, "-time-column", "x", "-interval", "day"}, []string{`-time-column: no table to export has a column "x"`}},
		{"no time", []string{"-pg", dsn, "-dataset", "album", "-time-column", "title", "-interval", "day"}, []string{"-time-column: the column"}},
		{"interval without column", []string{"-pg", dsn, "-interval", "day"}, []string{"-time-column: is needed"}},
		{"no such server", []string{"-pg", "postgres://ann:tiger@localhost:1/nothing"}, []string{"-pg: "}},
		{"no connection string", []string{"-pg", "postgres://ann:tiger@:no/port"}, []string{"-pg: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, stderr, err := quickstart(t, program, tt.flags...)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 2, exit.ExitCode(), "%s", stderr)
			for _, want := range tt.want {
				require.Contains(t, stderr, want)
			}
			require.NotContains(t, stderr, "tiger")
		})
	}
}
