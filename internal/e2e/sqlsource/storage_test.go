package sqlsource_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

func execute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// logs is a dataset of a table with a time and no tenant.
func logs(kind source.Kind, storage sqlsource.TimeStorage) sqlsource.Dataset {
	return sqlsource.Dataset{
		Name: "logs", Table: "logs", Key: []string{"id"}, Unguarded: true, Time: "at", TimeStorage: storage,
		Fields: []source.Field{{Name: "id", Kind: source.Int64}, {Name: "at", Kind: kind}},
	}
}

// year returns the query for the ids of that year.
func year(y int) source.Query {
	return source.Query{
		Dataset: "logs", Columns: []string{"id"},
		From: time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(y+1, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestTimeStorage_SQLiteDetected(t *testing.T) {
	t.Parallel()
	// Four times each: the last and the first of 2025, and the last and the first of 2026.
	tests := []struct {
		name   string
		kind   source.Kind
		values string
	}{
		{"seconds", source.Timestamp, "'2024-12-31 23:59:59', '2025-01-01 00:00:00', '2025-12-31 23:59:59', '2026-01-01 00:00:00'"},
		{"T", source.DateTime, "'2024-12-31T23:59:59', '2025-01-01T00:00:00', '2025-12-31T23:59:59', '2026-01-01T00:00:00'"},
		{"milliseconds and Z", source.Timestamp, "'2024-12-31T23:59:59.999Z', '2025-01-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z'"},
		{"any fraction and Z", source.Timestamp, "'2024-12-31T23:59:59.9Z', '2025-01-01T00:00:00Z', '2025-12-31T23:59:59.999999Z', '2026-01-01T00:00:00.0Z'"},
		{"an offset of UTC", source.Timestamp, "'2024-12-31 23:59:59+00:00', '2025-01-01 00:00:00+00:00', '2025-12-31 23:59:59.5+00:00', '2026-01-01 00:00:00+00:00'"},
		{"Go's own", source.Timestamp, "'2024-12-31 23:59:59.999 +0000 UTC', '2025-01-01 00:00:00 +0000 UTC', '2025-12-31 23:59:59.999 +0000 UTC', '2026-01-01 00:00:00 +0000 UTC'"},
		{"minutes", source.DateTime, "'2024-12-31 23:59', '2025-01-01 00:00', '2025-12-31 23:59', '2026-01-01 00:00'"},
		{"days", source.Date, "'2024-12-31', '2025-01-01', '2025-12-31', '2026-01-01'"},
		{"days as times", source.Timestamp, "'2024-12-31', '2025-01-01', '2025-12-31', '2026-01-01'"},
		{"Unix seconds", source.Timestamp, "1735689599, 1735689600, 1767225599, 1767225600"},
		{"Unix milliseconds", source.Timestamp, "1735689599999, 1735689600000, 1767225599999, 1767225600000"},
		{"Unix microseconds", source.DateTime, "1735689599999999, 1735689600000000, 1767225599999999, 1767225600000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openSQLite(t)
			// A declared type of its own makes drivers parse what they read.
			execute(t, db, "create table logs (id integer primary key, at datetime)",
				"insert into logs (at) select value from json_each(json_array("+tt.values+"))", "insert into logs (at) values (null)")
			src := newSource(t, db, sqlsource.SQLite, logs(tt.kind, sqlsource.Detected))
			for y, want := range map[int][][]string{2024: {{"1"}}, 2025: {{"2"}, {"3"}}, 2026: {{"4"}}} {
				rows, err := rowsOf(t.Context(), src, year(y))
				require.NoError(t, err)
				require.Equal(t, want, rows, y)
			}
			first, last, ok, err := src.Span(t.Context(), source.Query{Dataset: "logs"})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "2024-12-31", first.Format(time.DateOnly))
			require.Equal(t, "2026-01-01", last.Format(time.DateOnly))
		})
	}
}

func TestTimeStorage_MixedFormsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		storage sqlsource.TimeStorage
		values  string
		rule    string
	}{
		{"two layouts", "", "'2025-06-01 00:00:00', '2025-06-01T00:00:00'", `not all stored as "2006-01-02 15:04:05" like the first`},
		{"a zone in one", "", "'2025-06-01 00:00:00', '2025-06-01 00:00:00+02:00'", "not all stored as"},
		{"a day among times", "", "'2025-06-01 00:00:00', '2025-06-02'", "not all stored as"},
		{"text and integer", "", "'2025-06-01 00:00:00', 1748736000", "not all stored as"},
		{"integer and text", "", "1748736000, '2025-06-01 00:00:00'", `not all stored as "unix seconds"`},
		{"seconds and milliseconds", "", "1748736000, 1748736000000", "unit cannot be told"},
		{"small integers", "", "0, 86400", "unit cannot be told"},
		{"Julian days", "", "2460827.5", "Julian day"},
		{"another offset", "", "'2025-06-01 00:00:00+02:00'", "do not sort"},
		{"words", "", "'yesterday'", "do not sort"},
		{"no such month's digits", "", "'2025-06-01 00:00:00', '2025-6-1 00:00:00'", "not all stored as"},
		{"not as declared", "2006-01-02T15:04:05Z", "'2025-06-01T00:00:00Z', '2025-06-01 00:00:00'", "as declared"},
		{"a text where integers are declared", sqlsource.UnixSeconds, "1748736000, '1748736000'", "as declared"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openSQLite(t)
			execute(t, db, "create table logs (id integer primary key, at)",
				"insert into logs (at) select value from json_each(json_array("+tt.values+"))")
			src := newSource(t, db, sqlsource.SQLite, logs(source.Timestamp, tt.storage))
			_, readErr := rowsOf(t.Context(), src, year(2025))
			_, countErr := src.Count(t.Context(), year(2025))
			_, _, _, spanErr := src.Span(t.Context(), source.Query{Dataset: "logs"})
			for _, err := range []error{readErr, countErr, spanErr} {
				var bad *source.DataError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, "logs", bad.Dataset)
				require.Equal(t, "at", bad.Column)
				require.Contains(t, bad.Rule, tt.rule)
				require.NotErrorIs(t, err, source.ErrUnsupported, "asking in another way would not help")
			}
		})
	}
}

func TestTimeStorage_EachTenantItsOwn(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	execute(t, db, "create table logs (id integer primary key, org text, at)",
		"insert into logs (org, at) values ('a', '2025-06-01 00:00:00'), ('b', 1748736000), ('c', 1748736000), ('c', 'junk')")
	d := logs(source.Timestamp, sqlsource.Detected)
	d.Unguarded, d.Tenant = false, "org"
	d.Fields = append(d.Fields, source.Field{Name: "org", Kind: source.String})
	src := newSource(t, db, sqlsource.SQLite, d)
	for _, tenant := range []string{"a", "b"} {
		q := year(2025)
		q.Tenant, q.Columns = tenant, []string{"at"}
		rows, err := rowsOf(t.Context(), src, q)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"2025-06-01T00:00:00Z"}}, rows)
	}
	q := year(2025)
	q.Tenant = "c"
	_, err := src.Count(t.Context(), q)
	require.Error(t, err)
}

func TestTimeStorage_TextOnServersIsDeclared(t *testing.T) {
	t.Parallel()
	servers := map[string]struct {
		dialect sqlsource.Dialect
		open    func(testing.TB) *sql.DB
	}{
		"PostgreSQL": {sqlsource.PostgreSQL, server.StartPostgres},
		"MariaDB":    {sqlsource.MySQL, server.StartMySQL},
	}
	for name, s := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := s.open(t)
			execute(t, db, "create table logs (id int primary key, at varchar(40))",
				"insert into logs values (1, '2024-12-31T23:59:59.9Z'), (2, '2025-01-01T00:00:00Z'), (3, '2025-12-31T23:59:59.999999Z'), (4, '2026-01-01T00:00:00Z'), (5, null)")
			src := newSource(t, db, s.dialect, logs(source.Timestamp, "2006-01-02T15:04:05.999Z"))
			rows, err := rowsOf(t.Context(), src, year(2025))
			require.NoError(t, err)
			require.Equal(t, [][]string{{"2"}, {"3"}}, rows)

			undeclared := newSource(t, db, s.dialect, logs(source.Timestamp, sqlsource.Detected))
			_, err = undeclared.Count(t.Context(), year(2025))
			require.ErrorContains(t, err, "declare TimeStorage")

			execute(t, db, "update logs set at = '2025-06-01 00:00:00' where id = 2")
			mixed := newSource(t, db, s.dialect, logs(source.Timestamp, "2006-01-02T15:04:05.999Z"))
			_, err = mixed.Count(t.Context(), year(2025))
			require.ErrorContains(t, err, "as declared")
		})
	}
}

func TestTimeStorage_UnixOnServers(t *testing.T) {
	t.Parallel()
	for d, open := range map[sqlsource.Dialect]func(testing.TB) *sql.DB{sqlsource.PostgreSQL: server.StartPostgres, sqlsource.MySQL: server.StartMySQL} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			execute(t, db, "create table logs (id int primary key, at bigint)",
				"insert into logs values (1, 1735689599), (2, 1735689600), (3, 1767225599), (4, 1767225600), (5, null)")
			src := newSource(t, db, d, logs(source.Timestamp, sqlsource.UnixSeconds))
			rows, err := rowsOf(t.Context(), src, year(2025))
			require.NoError(t, err)
			require.Equal(t, [][]string{{"2"}, {"3"}}, rows)
		})
	}
}

// TestTimeStorage_FilterBetweenSteps asks for an instant that seconds cannot hold.
func TestTimeStorage_FilterBetweenSteps(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	execute(t, db, "create table logs (id integer primary key, at datetime)", "insert into logs (at) values ('2025-06-01 00:00:01')")
	src := newSource(t, db, sqlsource.SQLite, logs(source.Timestamp, sqlsource.Detected))
	q := source.Query{Dataset: "logs", Columns: []string{"id"}, Filters: []source.Filter{{Column: "at", In: []string{"2025-06-01T00:00:00.500000Z"}}}}
	rows, err := rowsOf(t.Context(), src, q)
	require.NoError(t, err)
	require.Empty(t, rows)
}
