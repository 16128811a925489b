package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/examples/quickstart/internal/database"
)

// An archive is what a manifest says, as far as these tests look at it.
type archive struct {
	Job      string
	Key      string
	Rows     int64
	Datasets []struct {
		Name   string
		Rows   int64
		Schema []struct{ Name, Kind string }
	}
	Files []archiveFile
}

type archiveFile struct {
	Key, Dataset, SHA256, Name string
	Rows, Bytes                int64
	From, To                   time.Time
}

// verify proves with the standard library alone that every file in the folder
// is what the manifest says.
func (a *archive) verify(out string) error {
	for _, f := range a.Files {
		data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(f.Key)))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		if int64(len(data)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
			return fmt.Errorf("%s is not what the manifest says", f.Key)
		}
	}
	return nil
}

// filesIn returns the paths of all files in a folder, whatever they are. One
// that vanishes meanwhile is left out.
func filesIn(out string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() {
			rel, relErr := filepath.Rel(out, name)
			all, err = append(all, filepath.ToSlash(rel)), relErr
		}
		return err
	})
	slices.Sort(all)
	return all, err
}

// archives reads all manifests in a folder.
func archives(out string) ([]*archive, error) {
	names, err := filesIn(out)
	if err != nil {
		return nil, err
	}
	var all []*archive
	for _, name := range names {
		if kindOf(name) != "manifest" || path.Base(name)[0] == '.' {
			continue
		}
		data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		a := new(archive)
		if err := errors.Join(err, json.Unmarshal(data, a)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if a.Key != name {
			return nil, fmt.Errorf("%s says that it is %s", name, a.Key)
		}
		all = append(all, a)
	}
	return all, nil
}

// onlyArchive requires that a folder holds the files of one archive, and
// nothing else.
func onlyArchive(t *testing.T, out string) *archive {
	t.Helper()
	all, err := archives(out)
	require.NoError(t, err)
	require.Len(t, all, 1)
	requireNothingElse(t, out, all)
	return all[0]
}

func requireNothingElse(t *testing.T, out string, all []*archive) {
	t.Helper()
	var want []string
	for _, a := range all {
		require.NoError(t, a.verify(out))
		want = append(want, a.Key)
		for _, f := range a.Files {
			want = append(want, f.Key)
		}
	}
	slices.Sort(want)
	got, err := filesIn(out)
	require.NoError(t, err)
	require.Equal(t, want, got, "the folder holds the files of the manifests and no others")
}

// null stands for a null in the rows of these tests.
const null = "∅"

// small is the database of the kill tests, made once: a table that is split,
// one without a key, and an empty one.
var small = sync.OnceValues(func() (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "small.db")
	return name, makeSmall(name)
})

var sharedDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "exportyard-quickstart-test-") })

func removeShared() {
	if dir, err := sharedDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
}

const smallRows = 750

func makeSmall(name string) error {
	return execute(name, `
create table runs (id integer primary key, label text not null, note text, cost decimal(12,2) not null, at timestamp not null);
create table events (kind text not null, at timestamp not null, n integer);
create table vacant (id integer primary key, x text);
with recursive i(n) as (select 1 union all select n + 1 from i where n < 600)
insert into runs select n * 7, case n % 5 when 0 then '' when 1 then 'a, "quoted" text' when 2 then 'two' || char(13, 10) || 'lines' else 'run ' || n end,
	case n % 3 when 0 then null else 'note ' || (n * 7919 % 1000) || ' é 研究 🛟' end, n * 37 % 10000 / 100.0,
	strftime('%Y-%m-%d %H:%M:%S', '2026-10-01', '+' || (n * 4321 % 864000) || ' seconds') from i;
with recursive i(n) as (select 1 union all select n + 1 from i where n < 150)
insert into events select 'kind ' || n % 4, strftime('%Y-%m-%d %H:%M:%S', '2026-10-01', '+' || (n * 5432 % 864000) || ' seconds'),
	case n % 7 when 0 then null else n end from i;`)
}

// execute runs statements on a SQLite file, which is made if need be.
func execute(name string, statements string) (err error) {
	db, err := database.SQLite(name, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(context.Background(), statements)
	return err
}

// smallContent is what the database itself says its rows are, as the files
// should have them: SQLite makes the texts.
var smallContent = sync.OnceValues(func() (map[string][]string, error) {
	name, err := small()
	if err != nil {
		return nil, err
	}
	const at = `strftime('%Y-%m-%dT%H:%M:%S', at)`
	out := map[string][]string{"vacant": {}}
	out["runs"], err = query(name, `select id, label, coalesce(note, '∅'), printf('%.2f', cost), `+at+` from runs`)
	if err != nil {
		return nil, err
	}
	out["events"], err = query(name, `select kind, `+at+`, coalesce(n, '∅') from events`)
	return out, err
})

// query returns the rows of a select, each as one text, sorted.
func query(name, text string) (all []string, err error) {
	db, err := database.SQLite(name, "mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, dest := make([]string, len(columns)), make([]any, len(columns))
	for i := range cells {
		dest[i] = &cells[i]
	}
	all = []string{}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all = append(all, strings.Join(cells, "|"))
	}
	slices.Sort(all)
	return all, errors.Join(rows.Err(), rows.Close())
}

// requireRows requires that the files of an archive hold exactly the rows of
// each dataset, as often as the database has them.
func requireRows(t *testing.T, out string, a *archive, want map[string][]string) {
	t.Helper()
	got := make(map[string][]string)
	for _, d := range a.Datasets {
		got[d.Name] = []string{}
	}
	for _, f := range a.Files {
		for name, rows := range readFile(t, out, a, f) {
			got[name] = append(got[name], rows...)
		}
	}
	total := int64(0)
	for name, rows := range got {
		slices.Sort(rows)
		require.Equal(t, want[name], rows, "rows of %s", name)
		total += int64(len(rows))
	}
	require.Len(t, got, len(want))
	require.Equal(t, total, a.Rows)
}

// readFile returns the rows of one file by dataset, each as one text.
func readFile(t *testing.T, out string, a *archive, f archiveFile) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(f.Key)))
	require.NoError(t, err)
	if strings.HasSuffix(f.Key, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		data, err = io.ReadAll(z)
		require.NoError(t, err)
	}
	rows := make(map[string][]string)
	switch {
	case strings.HasSuffix(f.Key, ".parquet"):
		rows[f.Dataset] = readParquet(t, data, a.columns(f.Dataset))
	case strings.Contains(f.Key, ".json"):
		rows = readJSON(t, data, a)
	default:
		rows[f.Dataset] = readCSV(t, data, a.columns(f.Dataset))
	}
	n := 0
	for _, all := range rows {
		n += len(all)
	}
	require.EqualValues(t, f.Rows, n, "rows of %s", f.Key)
	return rows
}

func (a *archive) columns(dataset string) (names []string) {
	for _, d := range a.Datasets {
		if d.Name == dataset {
			for _, f := range d.Schema {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// readCSV takes an empty field for a null in the columns that may hold one.
// In the tests' databases these never hold an empty text.
func readCSV(t *testing.T, data []byte, columns []string) (all []string) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, columns, records[0])
	for _, cells := range records[1:] {
		for i, name := range columns {
			if (name == "note" || name == "n" || name == "x") && cells[i] == "" {
				cells[i] = null
			}
			// This reader makes CR LF within a field an LF.
			cells[i] = strings.ReplaceAll(cells[i], "two\nlines", "two\r\nlines")
		}
		all = append(all, strings.Join(cells, "|"))
	}
	return all
}

func readJSON(t *testing.T, data []byte, a *archive) map[string][]string {
	t.Helper()
	var document map[string][]map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	require.NoError(t, d.Decode(&document))
	_, err := d.Token()
	require.Equal(t, io.EOF, err, "one value in the file")
	all := make(map[string][]string)
	for dataset, rows := range document {
		columns := a.columns(dataset)
		for _, row := range rows {
			require.Len(t, row, len(columns))
			cells := make([]string, len(columns))
			for i, name := range columns {
				cells[i] = null
				if row[name] != nil {
					cells[i] = fmt.Sprint(row[name])
				}
			}
			all[dataset] = append(all[dataset], strings.Join(cells, "|"))
		}
	}
	return all
}

func readParquet(t *testing.T, data []byte, columns []string) (all []string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	for i, c := range f.Root().Columns() {
		require.Equal(t, columns[i], c.Name())
	}
	for _, group := range f.RowGroups() {
		rows := group.Rows()
		page := make([]parquet.Row, 100)
		for {
			n, err := rows.ReadRows(page)
			for _, row := range page[:n] {
				cells := make([]string, len(row))
				for i, v := range row {
					cells[i] = parquetText(columns[i], v)
				}
				all = append(all, strings.Join(cells, "|"))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, rows.Close())
	}
	return all
}

func parquetText(column string, v parquet.Value) string {
	switch {
	case v.IsNull():
		return null
	case column == "at":
		return time.UnixMicro(v.Int64()).UTC().Format("2006-01-02T15:04:05")
	case column == "cost":
		return new(big.Rat).SetFrac64(v.Int64(), 100).FloatString(2)
	default:
		return v.String()
	}
}
