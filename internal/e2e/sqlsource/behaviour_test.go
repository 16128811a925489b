package sqlsource_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// databases are where every behaviour is tested.
var databases = map[sqlsource.Dialect]func(testing.TB) *sql.DB{
	sqlsource.SQLite: openSQLite, sqlsource.PostgreSQL: server.StartPostgres, sqlsource.MySQL: server.StartMySQL,
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, d sqlsource.Dialect, db *sql.DB)) {
	t.Helper()
	for d, open := range databases {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			test(t, d, open(t))
		})
	}
}

// TestQuery_Parameters has the parameters beside everything that only looks like one.
func TestQuery_Parameters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		timeType := map[sqlsource.Dialect]string{sqlsource.SQLite: "datetime", sqlsource.PostgreSQL: "timestamptz", sqlsource.MySQL: "timestamp(6) null"}[d]
		execute(t, db, "create table runs (id int primary key, org int, at "+timeType+")")
		if d == sqlsource.MySQL {
			execute(t, db, "insert into runs values (1, 7, '2025-01-01 05:30:00'), (2, 7, '2026-01-01 05:30:00'), (3, 8, '2026-01-01 05:30:00'), (4, 7, null)")
		} else {
			zone := map[sqlsource.Dialect]string{sqlsource.PostgreSQL: "+00"}[d]
			execute(t, db, strings.ReplaceAll("insert into runs values (1, 7, '2025-01-01 00:00:00Z'), (2, 7, '2026-01-01 00:00:00Z'), (3, 8, '2026-01-01 00:00:00Z'), (4, 7, null)", "Z'", zone+"'"))
		}
		storage := map[sqlsource.Dialect]sqlsource.TimeStorage{sqlsource.SQLite: "2006-01-02 15:04:05"}[d]
		tenant := map[sqlsource.Dialect]string{sqlsource.PostgreSQL: "cast(:tenant as int)"}[d]
		if tenant == "" {
			tenant = ":tenant"
		}
		src := newSource(t, db, d, sqlsource.Dataset{
			Name: "runs", Unguarded: true, Key: []string{"id"}, Time: "at", TimeStorage: storage,
			Query: "select id, at, ':tenant''' as note /* :from */ from runs where org = " + tenant +
				" and (:from is null or at >= :from) and (:to is null or at < :to) -- :to be continued\n;",
			Fields: []source.Field{{Name: "id", Kind: source.Int64}, {Name: "at", Kind: source.Timestamp}, {Name: "note", Kind: source.String}},
		})
		ids := func(tenant string, from, to time.Time) []string {
			rows, err := rowsOf(t.Context(), src, source.Query{Tenant: tenant, Dataset: "runs", Columns: []string{"id", "note"}, From: from, To: to})
			require.NoError(t, err)
			out := []string{}
			for _, row := range rows {
				require.Equal(t, ":tenant'", row[1])
				out = append(out, row[0])
			}
			return out
		}
		y2025, y2026 := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		require.Equal(t, []string{"1", "2", "4"}, ids("7", time.Time{}, time.Time{}))
		require.Equal(t, []string{"3"}, ids("8", time.Time{}, time.Time{}))
		require.Equal(t, []string{"1"}, ids("7", y2025, y2026))
		require.Equal(t, []string{"2"}, ids("7", y2026, time.Time{}))
		require.Equal(t, []string{"1"}, ids("7", time.Time{}, y2026))
	})
}

// TestD5_TenantsOfOtherKinds matches tenants that are no texts in the table.
func TestD5_TenantsOfOtherKinds(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		uuidType := map[sqlsource.Dialect]string{sqlsource.PostgreSQL: "uuid"}[d]
		if uuidType == "" {
			uuidType = "char(36)"
		}
		const id = "0189f7e2-0000-7000-8000-00000000000"
		execute(t, db, "create table runs (id int primary key, org int, acct "+uuidType+")",
			fmt.Sprintf("insert into runs values (1, 7, '%s1'), (2, 70, '%s2'), (3, null, null)", id, id))
		fields := []source.Field{{Name: "id", Kind: source.Int64}, {Name: "org", Kind: source.Int64}, {Name: "acct", Kind: source.UUID}}
		src := newSource(t, db, d,
			sqlsource.Dataset{Name: "by number", Table: "runs", Key: []string{"id"}, Tenant: "org", Fields: fields},
			sqlsource.Dataset{Name: "by uuid", Table: "runs", Key: []string{"id"}, Tenant: "acct", Fields: fields})
		tests := []struct {
			dataset, tenant string
			want            int64
		}{
			{"by number", "7", 1},
			{"by number", "70", 1},
			{"by number", "07", 0},
			{"by number", "7.0", 0},
			{"by number", "acme", 0},
			{"by number", "", 0},
			{"by uuid", id + "1", 1},
			{"by uuid", strings.ToUpper(id) + "1", 0},
			{"by uuid", "acme", 0},
		}
		for _, tt := range tests {
			n, err := src.Count(t.Context(), source.Query{Tenant: tt.tenant, Dataset: tt.dataset})
			require.NoError(t, err)
			require.Equal(t, tt.want, n, "%s, tenant %q", tt.dataset, tt.tenant)
		}
	})
}

func TestSplit_NullInTheKeyIsNamed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		execute(t, db, "create table runs (a int, b int)", "insert into runs values (1, 1), (1, null), (1, 3)")
		src := newSource(t, db, d, sqlsource.Dataset{
			Name: "runs", Table: "runs", Unguarded: true, Key: []string{"a", "b"},
			Fields: []source.Field{{Name: "a", Kind: source.Int64}, {Name: "b", Kind: source.Int64}},
		})
		_, err := src.Split(t.Context(), source.Query{Dataset: "runs"}, 1)
		var bad *source.DataError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, "runs", bad.Dataset)
		require.Equal(t, "b", bad.Column)
	})
}

// TestKey_CollationDoesNotMatter has keys that the columns' collations take for
// equal or sort otherwise: the ranges tile all the same.
func TestKey_CollationDoesNotMatter(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		column := map[sqlsource.Dialect]string{sqlsource.SQLite: "text collate nocase", sqlsource.PostgreSQL: "text", sqlsource.MySQL: "varchar(20)"}[d]
		execute(t, db, "create table words (w "+column+" not null)", "insert into words values ('b'), ('B'), ('a'), ('A'), ('é'), ('e'), ('E'), ('a '), ('_'), ('ab'), ('')")
		src := newSource(t, db, d, sqlsource.Dataset{Name: "words", Table: "words", Unguarded: true, Key: []string{"w"}, Fields: []source.Field{{Name: "w", Kind: source.String}}})
		keys, err := src.Split(t.Context(), source.Query{Dataset: "words"}, 1)
		require.NoError(t, err)
		var got []string
		for i := range len(keys) + 1 {
			q := all(t, src, "words")
			if i > 0 {
				q.After = keys[i-1]
			}
			if i < len(keys) {
				q.UpTo = keys[i]
			}
			rows, err := rowsOf(t.Context(), src, q)
			require.NoError(t, err)
			require.Len(t, rows, 1)
			got = append(got, rows[0][0])
		}
		require.Equal(t, []string{"", "A", "B", "E", "_", "a", "a ", "ab", "b", "e", "é"}, got)
		for _, word := range got {
			n, err := src.Count(t.Context(), source.Query{Dataset: "words", Filters: []source.Filter{{Column: "w", In: []string{word}}}})
			require.NoError(t, err)
			require.EqualValues(t, 1, n, "%q", word)
		}
	})
}

// numbers makes a table of so many rows.
func numbers(t testing.TB, d sqlsource.Dialect, db *sql.DB, rows int) *sqlsource.Source {
	t.Helper()
	execute(t, db, "create table numbers (id int primary key, word varchar(20))",
		fmt.Sprintf("insert into numbers with recursive n (id) as (select 1 union all select id + 1 from n where id < %d) select id, 'word' from n", rows))
	return newSource(t, db, d, sqlsource.Dataset{
		Name: "numbers", Table: "numbers", Unguarded: true, Key: []string{"id"},
		Fields: []source.Field{{Name: "id", Kind: source.Int64}, {Name: "word", Kind: source.String}},
	})
}

// TestRead_Cancel cancels in the middle: the context's error comes back, and
// the only connection of the pool is clean again.
func TestRead_Cancel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		src := numbers(t, d, db, 900)
		db.SetMaxOpenConns(1)
		for _, of := range []string{"open", "read"} {
			openCtx, cancelOpen := context.WithCancel(t.Context())
			readCtx, cancelRead := context.WithCancel(t.Context())
			r, err := src.Open(openCtx, all(t, src, "numbers"))
			require.NoError(t, err)
			b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "word", Kind: source.String}}, 10, 0)
			require.NoError(t, r.Read(readCtx, b))
			map[string]func(){"open": cancelOpen, "read": cancelRead}[of]()
			for err == nil {
				b.Reset()
				err = r.Read(readCtx, b)
			}
			require.ErrorIs(t, err, context.Canceled, of)
			b.Reset()
			require.ErrorIs(t, r.Read(context.WithoutCancel(readCtx), b), context.Canceled, "it stays so")
			require.NoError(t, r.Close())
			cancelOpen()
			cancelRead()
		}
		n, err := src.Count(t.Context(), source.Query{Dataset: "numbers"})
		require.NoError(t, err)
		require.EqualValues(t, 900, n)
		execute(t, db, "insert into numbers values (1000, 'written')")
	})
}

// TestRead_OneSnapshot changes the table between the count and the rows.
func TestRead_OneSnapshot(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d sqlsource.Dialect, db *sql.DB) {
		src := numbers(t, d, db, 100)
		r, err := src.Open(t.Context(), all(t, src, "numbers"))
		require.NoError(t, err)
		execute(t, db, "delete from numbers where id > 50", "insert into numbers values (1000, 'late')")
		rows := 0
		b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "word", Kind: source.String}}, 7, 0)
		for err == nil {
			b.Reset()
			err = r.Read(t.Context(), b)
			rows += b.Len()
		}
		require.ErrorIs(t, err, io.EOF)
		counted, known := r.(source.CountedReader).Count()
		require.True(t, known)
		require.EqualValues(t, 100, counted)
		require.Equal(t, 100, rows)
		require.NoError(t, r.Close())
	})
}

// TestMySQL_SessionIsGivenBack reads in UTC and leaves the session as it was.
func TestMySQL_SessionIsGivenBack(t *testing.T) {
	t.Parallel()
	db := server.StartMySQL(t)
	db.SetMaxOpenConns(1)
	src := numbers(t, sqlsource.MySQL, db, 3)
	settings := func() (zone, wait string, transaction int) {
		err := db.QueryRowContext(t.Context(), "select @@session.time_zone, @@session.net_write_timeout, @@in_transaction").Scan(&zone, &wait, &transaction)
		require.NoError(t, err)
		return zone, wait, transaction
	}
	zone, wait, _ := settings()
	_, err := rowsOf(t.Context(), src, all(t, src, "numbers"))
	require.NoError(t, err)
	zoneAfter, waitAfter, transaction := settings()
	require.Equal(t, []any{zone, wait, 0}, []any{zoneAfter, waitAfter, transaction})
	require.Equal(t, "+05:30", zone)
}

// TestSQLite_ReadsTakeNoLock reads while another connection writes, though the
// pool begins its transactions with the lock of a writer.
func TestSQLite_ReadsTakeNoLock(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	src := numbers(t, sqlsource.SQLite, db, 10)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() {
		if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
			require.NoError(t, err)
		}
	}()
	_, err = tx.ExecContext(t.Context(), "insert into numbers values (1000, 'not committed')")
	require.NoError(t, err)
	n, err := src.Count(t.Context(), source.Query{Dataset: "numbers"})
	require.NoError(t, err)
	require.EqualValues(t, 10, n)
	require.NoError(t, tx.Rollback())
}
