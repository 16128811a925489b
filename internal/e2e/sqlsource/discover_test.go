package sqlsource_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// TestD9_SQLiteColumnsByWhatTheyHold has a column for each rule of the package
// documentation: the kind found, and every value as it was put in.
func TestD9_SQLiteColumnsByWhatTheyHold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, declared, values string
		kind                   source.Kind
		want                   []string
	}{
		{"integers", "integer", "1, -9223372036854775808", source.Int64, []string{"1", "-9223372036854775808"}},
		{"a text among integers", "integer", "1, 'one'", source.String, []string{"1", "one"}},
		{"a real among integers", "integer", "1, 1.5", source.String, []string{"1", "1.5"}},
		{"bools", "boolean", "0, 1", source.Bool, []string{"false", "true"}},
		{"two is no bool", "boolean", "0, 2", source.Int64, []string{"0", "2"}},
		{"reals", "real", "0.1, 1e300", source.Float64, []string{"0.1", "1e+300"}},
		{"integers in reals", "double precision", "3, 0.5", source.Float64, []string{"3", "0.5"}},
		{"prices", "numeric(10,2)", "0.99, 12, '7.50'", source.Decimal(10, 2), []string{"0.99", "12.00", "7.50"}},
		{"a price too exact", "decimal(10,2)", "0.99, 0.995", source.String, []string{"0.99", "0.995"}},
		{"a price too large", "decimal(4,2)", "1, 100", source.String, []string{"1", "100"}},
		{"no precision", "numeric", "0.1, 2", source.String, []string{"0.1", "2"}},
		{"no precision, whole", "numeric", "1, 2", source.Int64, []string{"1", "2"}},
		{"texts", "varchar(10)", "'a', '001'", source.String, []string{"a", "001"}},
		{"a blob among texts", "text", "'a', x'ff00'", source.Bytes, []string{"YQ==", "/wA="}},
		{"blobs", "blob", "x'00', x''", source.Bytes, []string{"AA==", ""}},
		{"a number among blobs", "", "x'00', 7", source.Bytes, []string{"AA==", "Nw=="}},
		{"nothing declared", "", "1, 2", source.Int64, []string{"1", "2"}},
		{"days", "date", "'2026-01-31', '2026-02-01'", source.Date, []string{"2026-01-31", "2026-02-01"}},
		{"no such day", "date", "'2026-02-30', '2026-02-01'", source.String, []string{"2026-02-30", "2026-02-01"}},
		{"wall clocks", "timestamp", "'2026-01-31 10:00:00'", source.DateTime, []string{"2026-01-31T10:00:00"}},
		{"instants", "datetime", "'2026-01-31T10:00:00Z'", source.Timestamp, []string{"2026-01-31T10:00:00Z"}},
		{"Unix time", "datetime", "1767225600", source.Timestamp, []string{"2026-01-01T00:00:00Z"}},
		{"mixed times", "datetime", "'2026-01-31T10:00:00Z', '2026-01-31'", source.String, []string{"2026-01-31T10:00:00Z", "2026-01-31"}},
		{"nanoseconds", "datetime", "'2026-01-31T10:00:00.123456789Z'", source.String, []string{"2026-01-31T10:00:00.123456789Z"}},
		{"UUIDs", "uuid", "'0189F7E2-0000-7000-8000-000000000001'", source.UUID, []string{"0189f7e2-0000-7000-8000-000000000001"}},
		{"sixteen bytes", "uuid", "x'0189f7e2000070008000000000000001'", source.UUID, []string{"0189f7e2-0000-7000-8000-000000000001"}},
		{"no UUIDs", "uuid", "'me'", source.String, []string{"me"}},
		{"JSON", "json", `'{"a": 1.50}'`, source.JSON, []string{`{"a": 1.50}`}},
		{"no JSON", "json", `'{'`, source.String, []string{`{`}},
		{"numbers in texts", "text", "1, 0.5", source.String, []string{"1", "0.5"}},
		{"empty", "decimal(10,2)", "", source.Decimal(10, 2), []string{}},
		{"empty, of times", "datetime", "", source.DateTime, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openSQLite(t)
			execute(t, db, `create table t ("a ""column""." `+tt.declared+`)`)
			if tt.values != "" {
				for _, v := range splitValues(tt.values) {
					execute(t, db, "insert into t values ("+v+")")
				}
			}
			datasets := discover(t, db, sqlsource.SQLite, nil)
			require.Len(t, datasets, 1)
			require.Equal(t, tt.kind, datasets[0].Fields[0].Kind, "got %v", datasets[0].Fields[0].Kind)
			require.Empty(t, datasets[0].Key)
			src := newSource(t, db, sqlsource.SQLite, datasets...)
			rows, err := rowsOf(t.Context(), src, all(t, src, "t"))
			require.NoError(t, err)
			got := []string{}
			for _, row := range rows {
				got = append(got, row[0])
			}
			require.Equal(t, tt.want, got, "in the order of their row numbers")
		})
	}
}

// splitValues cuts at commas outside of quotes and braces.
func splitValues(list string) []string {
	var out []string
	start, quoted := 0, false
	for i, c := range list {
		switch {
		case c == '\'':
			quoted = !quoted
		case c == ',' && !quoted:
			out, start = append(out, list[start:i]), i+1
		}
	}
	return append(out, list[start:])
}

// TestD9_RealsRoundTrip compares the text of a real in a String column with the
// real itself, for numbers whose shortest digits are many.
func TestD9_RealsRoundTrip(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	execute(t, db, "create table t (x)", "insert into t values (0.1 + 0.2), (1.0/3), ('text')")
	src := newSource(t, db, sqlsource.SQLite, discover(t, db, sqlsource.SQLite, nil)...)
	rows, err := rowsOf(t.Context(), src, all(t, src, "t"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"0.30000000000000004"}, {"0.3333333333333333"}, {"text"}}, rows)
	for i, row := range rows {
		q := all(t, src, "t")
		q.Filters = []source.Filter{{Column: "x", In: []string{row[0]}}}
		found, err := rowsOf(t.Context(), src, q)
		require.NoError(t, err)
		require.Equal(t, rows[i:i+1], found, "a filter finds a value by its text")
	}
}

func TestDiscover_SQLiteTables(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	execute(t, db,
		"create table keyed (b text not null, a integer not null, org text, at datetime, primary key (a, b))",
		"create table nullable (id text primary key, org text)", "insert into nullable values (null, 'x'), ('1', 'x')",
		"create table nulled (id text primary key, org text)", "insert into nulled values ('1', 'x')",
		"create table rowless (id text primary key, org text) without rowid",
		`create table "select" ("from" text, org text)`, `insert into "select" values ('b', 'x'), ('a', 'x')`,
		"create virtual table search using fts5 (body)",
		"create view seen as select * from keyed",
	)
	names := func(datasets []sqlsource.Dataset) (out []string) {
		for _, d := range datasets {
			out = append(out, d.Name)
		}
		return out
	}
	datasets := discover(t, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{Exclude: []string{"search"}, TenantColumn: "org", TimeColumn: "at"})
	require.Equal(t, []string{"keyed", "nullable", "nulled", "rowless", "select"}, names(datasets))
	keys := map[string][]string{}
	for _, d := range datasets {
		keys[d.Name] = d.Key
		require.Equal(t, "org", d.Tenant)
	}
	require.Equal(t, map[string][]string{"keyed": {"a", "b"}, "nullable": nil, "nulled": {"id"}, "rowless": {"id"}, "select": nil}, keys)
	require.Equal(t, "at", datasets[0].Time)

	src := newSource(t, db, sqlsource.SQLite, datasets...)
	q := all(t, src, "select")
	q.Tenant = "x"
	rows, err := rowsOf(t.Context(), src, q)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"b", "x"}, {"a", "x"}}, rows)

	require.Equal(t, []string{"keyed", "nullable", "nulled", "rowless", "search", "seen", "select"},
		names(discover(t, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{Views: true})))

	_, err = sqlsource.Discover(t.Context(), db, sqlsource.SQLite, &sqlsource.DiscoverOptions{TenantColumn: "org"})
	require.ErrorContains(t, err, `the table "search" has no column "org"`)
	_, err = sqlsource.Discover(t.Context(), db, sqlsource.SQLite, &sqlsource.DiscoverOptions{Tables: []string{"keyed", "missing"}})
	require.ErrorContains(t, err, `no table "missing"`)
	_, err = sqlsource.Discover(t.Context(), db, sqlsource.SQLite, &sqlsource.DiscoverOptions{Tables: []string{"nulled"}, TimeColumn: "org"})
	require.ErrorContains(t, err, `the column "org" of the table "nulled" holds no times`)
}

func TestDiscover_PostgreSQL(t *testing.T) {
	t.Parallel()
	db := server.StartPostgres(t)
	execute(t, db,
		"create type mood as enum ('sad', 'ok')", "create domain price as numeric(8,2)",
		`create table "Odd ""name"".x" (id bigint primary key)`,
		`create table kinds (a uuid, b int, n numeric(12,4), wide numeric(40,2), open numeric, neg numeric(5,-2), p price, x real, y float8,
		  f boolean, t text, v varchar(9), c char(4), m mood, tags text[], span interval, ip inet, bin bytea, d date, ts timestamptz, dt timestamp,
		  j json, jb jsonb, o oid, gone int, primary key (b, a))`,
		"alter table kinds drop column gone",
		`insert into kinds values ('0189f7e2-0000-7000-8000-000000000001', 7, 1.5, 99999999999999999999999999999999999999.25, 0.10, 12300, 9.99, 0.5, 0.1,
		  true, 'T', 'v', 'c', 'ok', '{a,"b c"}', '1 day 02:03:04.5', '10.0.0.1', '\x00ff', '2026-02-28', '2026-02-28 12:00:00.123456+02', '2026-02-28 12:00:00',
		  '{"b": 1, "a":2}', '{"b": 1, "a":2}', 4000000000)`,
		"insert into kinds (a, b) values ('0189f7e2-0000-7000-8000-000000000002', 7)",
		"create table parts (id int primary key, at date) partition by range (id)", "create table parts_1 partition of parts for values from (0) to (10)",
		"insert into parts values (1, '2026-01-01')",
		"create view seen as select b from kinds",
		"create schema other", "create table other.elsewhere (id int primary key)",
	)
	datasets := discover(t, db, sqlsource.PostgreSQL, nil)
	require.Len(t, datasets, 3)
	src := newSource(t, db, sqlsource.PostgreSQL, datasets...)
	kinds, got := datasets[1], map[string]string{}
	require.Equal(t, []string{"b", "a"}, kinds.Key)
	for _, f := range kinds.Fields {
		got[f.Name] = f.Kind.String()
	}
	require.Empty(t, cmp.Diff(map[string]string{
		"a": "uuid", "b": "int64", "n": "decimal(12,4)", "wide": "string", "open": "string", "neg": "string", "p": "decimal(8,2)", "x": "float64",
		"y": "float64", "f": "bool", "t": "string", "v": "string", "c": "string", "m": "string", "tags": "string", "span": "string", "ip": "string",
		"bin": "bytes", "d": "date", "ts": "timestamp", "dt": "datetime", "j": "json", "jb": "json", "o": "int64",
	}, got))
	rows, err := rowsOf(t.Context(), src, all(t, src, "kinds"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"0189f7e2-0000-7000-8000-000000000001", "7", "1.5000", "99999999999999999999999999999999999999.25", "0.10", "12300", "9.99", "0.5", "0.1",
		"true", "T", "v", "c", "ok", `{a,"b c"}`, "1 day 02:03:04.5", "10.0.0.1/32", "AP8=", "2026-02-28", "2026-02-28T10:00:00.123456Z", "2026-02-28T12:00:00",
		`{"b": 1, "a":2}`, `{"a": 2, "b": 1}`, "4000000000",
	}, rows[0])
	require.Len(t, rows, 2)
	keys, err := src.Split(t.Context(), source.Query{Dataset: "kinds"}, 1)
	require.NoError(t, err)
	require.Equal(t, []source.Key{{"7", "0189f7e2-0000-7000-8000-000000000001"}}, keys)
	for _, column := range []string{"m", "tags", "c", "jb"} {
		q := source.Query{Dataset: "kinds", Columns: []string{"b"}, Filters: []source.Filter{{Column: column, In: []string{rows[0][source.Schema(kinds.Fields).Index(column)]}}}}
		n, err := src.Count(t.Context(), q)
		require.NoError(t, err, column)
		require.EqualValues(t, 1, n, column)
	}
	for name, want := range map[string]int64{`Odd "name".x`: 0, "parts": 1} {
		n, err := src.Count(t.Context(), source.Query{Dataset: name})
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	elsewhere := discover(t, db, sqlsource.PostgreSQL, &sqlsource.DiscoverOptions{Schema: "other"})
	n, err := newSource(t, db, sqlsource.PostgreSQL, elsewhere...).Count(t.Context(), source.Query{Dataset: "elsewhere"})
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, discover(t, db, sqlsource.PostgreSQL, &sqlsource.DiscoverOptions{Views: true}), 4)
}

func TestDiscover_MySQL(t *testing.T) {
	t.Parallel()
	db := server.StartMySQL(t)
	execute(t, db,
		`create table kinds (b int, a varchar(20), big bigint unsigned, tiny tinyint(1), bit1 bit(1), bit9 bit(9), n decimal(12,4), wide decimal(60,2), x float, y double,
		  t text character set latin1, e enum('z','a'), c char(4), bin varbinary(9), d date, dt datetime(6), ts timestamp(6) null, tm time(3), y4 year, primary key (b, a)) character set utf8mb4`,
		`insert into kinds values (1, 'Ab', 18446744073709551615, 2, b'1', b'100000001', 1.5, 999999999999999999999999999999999999999999999999999999999.25, 16777217, 0.1,
		  'é', 'a', 'c', x'00ff', '2026-02-28', '2026-02-28 12:00:00.123456', '2026-02-28 12:00:00.5', '26:00:00.5', 2026)`,
		"insert into kinds (b, a) values (1, 'Ac')",
		"create view seen as select b from kinds",
	)
	datasets := discover(t, db, sqlsource.MySQL, nil)
	require.Len(t, datasets, 1)
	require.Equal(t, []string{"b", "a"}, datasets[0].Key)
	got := map[string]string{}
	for _, f := range datasets[0].Fields {
		got[f.Name] = f.Kind.String()
	}
	require.Empty(t, cmp.Diff(map[string]string{
		"b": "int64", "a": "string", "big": "decimal(20,0)", "tiny": "int64", "bit1": "bool", "bit9": "bytes", "n": "decimal(12,4)", "wide": "string",
		"x": "float64", "y": "float64", "t": "string", "e": "string", "c": "string", "bin": "bytes", "d": "date", "dt": "datetime", "ts": "timestamp",
		"tm": "string", "y4": "int64",
	}, got))
	src := newSource(t, db, sqlsource.MySQL, datasets...)
	rows, err := rowsOf(t.Context(), src, all(t, src, "kinds"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"1", "Ab", "18446744073709551615", "2", "true", "AQE=", "1.5000", "999999999999999999999999999999999999999999999999999999999.25", "16777216", "0.1",
		"é", "a", "c", "AP8=", "2026-02-28", "2026-02-28T12:00:00.123456", "2026-02-28T06:30:00.500000Z", "26:00:00.500", "2026",
	}, rows[0], "the session that wrote the timestamp is five and a half hours east")
	require.Len(t, rows, 2)
	for _, column := range []string{"t", "e", "a", "ts", "big", "x", "bit1"} {
		q := source.Query{Dataset: "kinds", Columns: []string{"b"}, Filters: []source.Filter{{Column: column, In: []string{rows[0][source.Schema(datasets[0].Fields).Index(column)]}}}}
		n, err := src.Count(t.Context(), q)
		require.NoError(t, err, column)
		require.EqualValues(t, 1, n, column)
	}
	require.Len(t, discover(t, db, sqlsource.MySQL, &sqlsource.DiscoverOptions{Views: true}), 2)
}

// Many a SQLite table keeps its times in a column that is declared as text or
// integer. The host that names it as the time is taken at its word, as far as
// the values bear it out.
func TestDiscover_SQLiteTimesDeclaredAsSomethingElse(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	execute(t, db,
		"create table t (id integer primary key, at text, zoned text, unix integer, mixed text)",
		`insert into t values (1, '2026-10-01 08:00:00', '2026-10-01T08:00:00Z', 1790841600, '2026-10-01 08:00:00'),
		  (2, '2026-10-02 09:00:00', '2026-10-02T09:00:00Z', 1790931600, 'Oct 2'), (3, null, null, null, null)`)
	for column, kind := range map[string]source.Kind{"at": source.DateTime, "zoned": source.Timestamp, "unix": source.Timestamp} {
		datasets := discover(t, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{TimeColumn: column})
		schema := source.Schema(datasets[0].Fields)
		require.Equal(t, kind, schema[schema.Index(column)].Kind, column)
		src := newSource(t, db, sqlsource.SQLite, datasets...)
		q := all(t, src, "t")
		q.From, q.To = time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)
		n, err := src.Count(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, int64(1), n, column)
	}
	_, err := sqlsource.Discover(t.Context(), db, sqlsource.SQLite, &sqlsource.DiscoverOptions{TimeColumn: "mixed"})
	require.ErrorContains(t, err, `the column "mixed" of the table "t" holds no times, or not all in one form`)
}
