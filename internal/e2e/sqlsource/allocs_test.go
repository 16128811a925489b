package sqlsource_test

import (
	"database/sql"
	"errors"
	"io"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// TestRead_AllocationsPerRow keeps the source's own share at nothing: what is
// allocated for a row is what the driver allocates to hand it over.
func TestRead_AllocationsPerRow(t *testing.T) {
	onEachAlone(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		const rows = 20000
		types := map[sqlsource.Dialect]string{
			sqlsource.SQLite:     "id integer primary key, word text, price numeric(10,2), ratio real, at datetime, gone text",
			sqlsource.PostgreSQL: "id bigint primary key, word text, price numeric(10,2), ratio float8, at timestamptz, gone text",
			sqlsource.MySQL:      "id bigint primary key, word text, price decimal(10,2), ratio double, at datetime, gone text",
		}[d]
		execute(t, db, "create table t ("+types+")")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for i := range 1000 {
			mark := "?, 'a word of some length', 12.25, 0.5, '2026-01-01 00:00:00', null)"
			if d == sqlsource.PostgreSQL {
				mark = "$1" + mark[1:]
			}
			_, err := tx.ExecContext(t.Context(), "insert into t values ("+mark, i)
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
		for n := 1000; n < rows; n += 1000 {
			execute(t, db, "insert into t select id + "+strconv.Itoa(n)+", word, price, ratio, at, gone from t where id < 1000")
		}
		fields := []source.Field{
			{Name: "id", Kind: source.Int64},
			{Name: "word", Kind: source.String},
			{Name: "price", Kind: source.Decimal(10, 2)},
			{Name: "ratio", Kind: source.Float64},
			{Name: "at", Kind: source.Timestamp},
			{Name: "gone", Kind: source.String},
		}
		src := newSource(t, db, d, sqlsource.Dataset{Name: "t", Table: "t", Unguarded: true, Key: []string{"id"}, Fields: fields})

		drivers, ours := driverMallocs(t, db, rows), sourceMallocs(t, src, fields, rows)
		t.Logf("%v: %.2f mallocs a row, of which %.2f by the driver and database/sql", d, ours, drivers)
		require.Less(t, ours, drivers+0.1)
	})
}

// onEachAlone runs a test on each database with no other test beside it.
func onEachAlone(t *testing.T, test func(t *testing.T, d sqlsource.Dialect, db *sql.DB)) {
	t.Helper()
	for d, open := range databases {
		t.Run(d.String(), func(t *testing.T) { test(t, d, open(t)) })
	}
}

func mallocs(fn func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs)
}

// A nothing is a destination that takes what the driver gives and drops it.
type nothing struct{}

func (nothing) Scan(any) error { return nil }

func driverMallocs(t *testing.T, db *sql.DB, rows int) float64 {
	t.Helper()
	result, err := db.QueryContext(t.Context(), "select id, word, price, ratio, at, gone from t order by id")
	require.NoError(t, err)
	defer result.Close()
	dest := []any{nothing{}, nothing{}, nothing{}, nothing{}, nothing{}, nothing{}}
	n := mallocs(func() {
		for result.Next() {
			err = errors.Join(err, result.Scan(dest...))
		}
	})
	require.NoError(t, errors.Join(err, result.Err(), result.Close()))
	return n / float64(rows)
}

func sourceMallocs(t *testing.T, src source.Source, fields source.Schema, rows int) float64 {
	t.Helper()
	r, err := src.Open(t.Context(), source.Query{Dataset: "t", Columns: fields.Names()})
	require.NoError(t, err)
	b := source.NewBatch(fields, 1000, 0)
	require.NoError(t, r.Read(t.Context(), b))
	read := b.Len()
	n := mallocs(func() {
		for err == nil {
			b.Reset()
			err = r.Read(t.Context(), b)
			read += b.Len()
		}
	})
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, rows, read)
	require.NoError(t, r.Close())
	return n / float64(rows-1000)
}

func BenchmarkRead(b *testing.B) {
	db := openSQLite(b)
	execute(b, db, "create table t (id integer primary key, word text, price numeric(10,2), at datetime)",
		"insert into t with recursive n (id) as (select 1 union all select id + 1 from n where id < 100000) select id, 'a word of some length', 0.99, '2026-01-01 00:00:00' from n")
	fields := source.Schema{{Name: "id", Kind: source.Int64}, {Name: "word", Kind: source.String}, {Name: "price", Kind: source.Decimal(10, 2)}, {Name: "at", Kind: source.Timestamp}}
	src := newSource(b, db, sqlsource.SQLite, sqlsource.Dataset{Name: "t", Table: "t", Unguarded: true, Key: []string{"id"}, Fields: fields})
	for b.Loop() {
		start := time.Now()
		rows := 0
		err := source.Each(b.Context(), src, source.Query{Dataset: "t", Columns: fields.Names()}, func(batch *source.Batch) error {
			rows += batch.Len()
			return nil
		})
		require.NoError(b, err)
		b.ReportMetric(float64(rows)/time.Since(start).Seconds(), "rows/s")
	}
}
