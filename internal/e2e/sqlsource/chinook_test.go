package sqlsource_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// openChinook opens the sample database: a shop's tables as they are found.
func openChinook(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join("..", "testdata", "chinook.sqlite")+"?mode=ro")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func discover(t testing.TB, db *sql.DB, d sqlsource.Dialect, opts *sqlsource.DiscoverOptions) []sqlsource.Dataset {
	t.Helper()
	datasets, err := sqlsource.Discover(t.Context(), db, d, opts)
	require.NoError(t, err)
	return datasets
}

func newSource(t testing.TB, db *sql.DB, d sqlsource.Dialect, datasets ...sqlsource.Dataset) *sqlsource.Source {
	t.Helper()
	src, err := sqlsource.New(db, d, datasets, nil)
	require.NoError(t, err)
	return src
}

// rowsOf reads a query as texts; a null is "NULL".
func rowsOf(ctx context.Context, src source.Source, q source.Query) ([][]string, error) {
	out := [][]string{}
	err := source.Each(ctx, src, q, func(b *source.Batch) error {
		for row := range b.Len() {
			cells := make([]string, len(b.Schema()))
			for col := range cells {
				cells[col] = string(source.AppendText(nil, b.Col(col), row))
				if b.Col(col).Null(row) {
					cells[col] = "NULL"
				}
			}
			out = append(out, cells)
		}
		return nil
	})
	return out, err
}

// all returns the query for every row and column of a dataset.
func all(t testing.TB, src source.Source, dataset string) source.Query {
	t.Helper()
	datasets, err := src.Datasets(t.Context(), "")
	require.NoError(t, err)
	d, ok := source.Find(datasets, dataset)
	require.True(t, ok, "no dataset %q", dataset)
	return source.Query{Dataset: dataset, Columns: d.Schema.Names()}
}

func TestChinook_ElevenDatasetsWithAllRows(t *testing.T) {
	t.Parallel()
	db := openChinook(t)
	datasets := discover(t, db, sqlsource.SQLite, nil)
	src := newSource(t, db, sqlsource.SQLite, datasets...)
	counts := map[string]int{}
	for _, d := range datasets {
		rows, err := rowsOf(t.Context(), src, all(t, src, d.Name))
		require.NoError(t, err)
		counts[d.Name] = len(rows)
	}
	// The database's own counts, read with the sqlite3 program.
	require.Equal(t, map[string]int{
		"Album": 347, "Artist": 275, "Customer": 59, "Employee": 8, "Genre": 25, "Invoice": 412, "InvoiceLine": 2240,
		"MediaType": 5, "Playlist": 18, "PlaylistTrack": 8715, "Track": 3503,
	}, counts)
}

func TestChinook_KindsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	db := openChinook(t)
	datasets := discover(t, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{Tables: []string{"Invoice"}, TimeColumn: "InvoiceDate"})
	want := []sqlsource.Dataset{{
		Name: "Invoice", Table: "Invoice", Key: []string{"InvoiceId"}, Unguarded: true, KeepCollation: true,
		Time: "InvoiceDate", TimeStorage: "2006-01-02 15:04:05",
		Storage: map[string]sqlsource.TimeStorage{"InvoiceDate": "2006-01-02 15:04:05"},
		Fields: []source.Field{
			{Name: "InvoiceId", Kind: source.Int64, Required: true},
			{Name: "CustomerId", Kind: source.Int64, Required: true},
			{Name: "InvoiceDate", Kind: source.DateTime, Required: true},
			{Name: "BillingAddress", Kind: source.String},
			{Name: "BillingCity", Kind: source.String},
			{Name: "BillingState", Kind: source.String},
			{Name: "BillingCountry", Kind: source.String},
			{Name: "BillingPostalCode", Kind: source.String},
			{Name: "Total", Kind: source.Decimal(10, 2), Required: true},
		},
	}}
	require.Empty(t, cmp.Diff(want, datasets))
	src := newSource(t, db, sqlsource.SQLite, datasets...)
	q := all(t, src, "Invoice")
	q.After, q.UpTo = source.Key{"1"}, source.Key{"2"}
	rows, err := rowsOf(t.Context(), src, q)
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"2", "4", "2021-01-02T00:00:00", "Ullevålsveien 14", "Oslo", "NULL", "Norway", "0171", "3.96"},
	}, rows)
}

// TestA7_EachInvoiceInItsDay is the table that the driver's own binding of
// times gets wrong: nearly every row falls into the day before.
func TestA7_EachInvoiceInItsDay(t *testing.T) {
	t.Parallel()
	db := openChinook(t)
	src := newSource(t, db, sqlsource.SQLite, discover(t, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{
		Tables: []string{"Invoice"}, TimeColumn: "InvoiceDate",
	})...)
	q := all(t, src, "Invoice")
	first, last, ok, err := src.Span(t.Context(), q)
	require.NoError(t, err)
	require.True(t, ok)
	total, days := 0, 0
	for day := first.Truncate(24 * time.Hour); !day.After(last); day = day.AddDate(0, 0, 1) {
		q.From, q.To = day, day.AddDate(0, 0, 1)
		rows, err := rowsOf(t.Context(), src, q)
		require.NoError(t, err)
		var want int
		err = db.QueryRowContext(t.Context(), "select count(*) from Invoice where substr(InvoiceDate, 1, 10) = "+fmt.Sprintf("'%s'", day.Format(time.DateOnly))).Scan(&want)
		require.NoError(t, err)
		require.Len(t, rows, want, day)
		for _, row := range rows {
			require.Equal(t, day.Format(time.DateOnly), row[2][:10])
		}
		total, days = total+len(rows), days+1
	}
	require.Equal(t, 412, total)
	require.Greater(t, days, 1800)
}
