package pgsource_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

// types are columns of every sort of type, a value, the kind that Discover
// proposes, and the text that is exported.
var types = []struct {
	sqlType, value string
	kind           source.Kind
	want           string
}{
	{"boolean", "true", source.Bool, "true"},
	{"smallint", "-32768", source.Int64, "-32768"},
	{"integer", "2147483647", source.Int64, "2147483647"},
	{"bigint", "-9223372036854775808", source.Int64, "-9223372036854775808"},
	{"oid", "4294967295", source.Int64, "4294967295"},
	{"real", "0.1", source.Float64, "0.10000000149011612"},
	{"double precision", "'-Infinity'", source.Float64, "-Infinity"},
	{"numeric(12,4)", "-12345678.9", source.Decimal(12, 4), "-12345678.9000"},
	{"numeric(38,0)", "99999999999999999999999999999999999999", source.Decimal(38, 0), "99999999999999999999999999999999999999"},
	{"numeric(5,-2)", "123456", source.String, "123500"},
	{"numeric", "123456789012345678901234567890123456789012345.0100", source.String, "123456789012345678901234567890123456789012345.0100"},
	{"numeric(50,10)", "'NaN'", source.String, "NaN"},
	{"numeric", "'-Infinity'", source.String, "-Infinity"},
	{"money", "1234.5", source.String, "$1,234.50"},
	{"text", "'é, \"q\"'", source.String, "é, \"q\""},
	{"varchar(5)", "'abc  '", source.String, "abc  "},
	{"char(5)", "'abc'", source.String, "abc"},
	{"name", "'pg'", source.String, "pg"},
	{`"char"`, "'x'", source.String, "x"},
	{"mood", "'so so'", source.String, "so so"},
	{"price", "12.5", source.Decimal(10, 2), "12.50"},
	{"cheap_price", "0.99", source.Decimal(10, 2), "0.99"},
	{"moods", "'{ok,NULL,\"so so\"}'", source.String, `{ok,NULL,"so so"}`},
	{"bytea", `'\x00ff'`, source.Bytes, "AP8="},
	{"date", "'2024-02-29'", source.Date, "2024-02-29"},
	{"timestamptz", "'2026-03-29 03:30:00.000001+02'", source.Timestamp, "2026-03-29T01:30:00.000001Z"},
	{"timestamp", "'2026-03-29 02:30'", source.DateTime, "2026-03-29T02:30:00"},
	{"time", "'23:59:59.5'", source.String, "23:59:59.5"},
	{"timetz", "'23:59:59+05:30'", source.String, "23:59:59+05:30"},
	{"interval", "'1 year 2 mons -3 days 04:05:06.7'", source.String, "1 year 2 mons -3 days +04:05:06.7"},
	{"uuid", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", source.UUID, "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
	{"json", `'{"b": 1,  "a": 1.50, "b": 2}'`, source.JSON, `{"b": 1,  "a": 1.50, "b": 2}`},
	{"jsonb", `'{"b": 1,  "a": 1.50, "b": 2}'`, source.JSON, `{"a": 1.50, "b": 2}`},
	{"integer[]", "'{{1,2},{3,null}}'", source.String, "{{1,2},{3,NULL}}"},
	{"timestamptz[]", "'{2026-03-29 03:30+02}'", source.String, `{"2026-03-29 01:30:00+00"}`},
	{"bytea[]", `'{"\\xff"}'`, source.String, `{"\\xff"}`},
	{"int4range", "'[1,5]'", source.String, "[1,6)"},
	{"tstzrange", "'[2026-03-29 03:30+02,)'", source.String, `["2026-03-29 01:30:00+00",)`},
	{"int4multirange", "'{[1,2],[5,6]}'", source.String, "{[1,3),[5,7)}"},
	{"point_in_time", "row('2026-03-29 03:30+02', 1)", source.String, `("2026-03-29 01:30:00+00",1)`},
	{"inet", "'10.0.0.1/8'", source.String, "10.0.0.1/8"},
	{"cidr", "'10.0.0.0/8'", source.String, "10.0.0.0/8"},
	{"macaddr", "'08:00:2b:01:02:03'", source.String, "08:00:2b:01:02:03"},
	{"bit(3)", "B'101'", source.String, "101"},
	{"xml", "'<a/>'", source.String, "<a/>"},
	{"tsvector", "'a b'", source.String, "'a' 'b'"},
	{"point", "'(1,2)'", source.String, "(1,2)"},
	{"regclass", "'pg_class'", source.String, "pg_class"},
	{"pg_lsn", "'16/B374D848'", source.String, "16/B374D848"},
	{"tid", "'(7,1)'", source.String, "(7,1)"},
	{"jsonpath", "'$.a'", source.String, `$."a"`},
	{"xid8", "'18446744073709551615'", source.String, "18446744073709551615"},
	{"own", "'a,b'", source.String, "a,b"},
	{"float8[]", "'{0.1,1e300}'", source.String, "{0.1,1e+300}"},
}

const typeDefinitions = `
create type mood as enum ('ok', 'so so');
create domain price as numeric(10,2) check (value >= 0);
create domain cheap_price as price check (value < 1);
create domain moods as mood[];
create type own;
create function own_in(cstring) returns own language internal immutable strict as 'textin';
create function own_out(own) returns cstring language internal immutable strict as 'textout';
create type own (input = own_in, output = own_out, like = text);
create type point_in_time as (at timestamptz, n int);`

// A pool whose connections have settings of their own, which no text shows.
func oddPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	_, dsn := server.StartPostgresPool(t)
	return newPool(t, dsn+" timezone=Asia/Kolkata datestyle=German intervalstyle=iso_8601 extra_float_digits=-5 bytea_output=escape client_encoding=latin1")
}

// Every type of PostgreSQL has a kind, and its values come whole, whatever the
// settings of the connection.
func TestD9_Types(t *testing.T) {
	t.Parallel()
	pool := oddPool(t)
	exec(t, pool, "set timezone to 'UTC'")
	exec(t, pool, typeDefinitions)
	for i, ty := range types {
		name := "t" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		exec(t, pool, "create table "+name+" (id int primary key, v "+ty.sqlType+")")
		exec(t, pool, "set client_encoding to 'UTF8'; set datestyle to 'ISO, YMD'; insert into "+name+" values (1, "+ty.value+"), (2, null)")
		datasets, err := pgsource.Discover(t.Context(), pool, &pgsource.DiscoverOptions{Tables: []string{name}})
		require.NoError(t, err)
		require.Equal(t, ty.kind, datasets[0].Fields[1].Kind, ty.sqlType)
		src, err := pgsource.New(pool, datasets, nil)
		require.NoError(t, err)
		for _, raw := range []bool{false, true} {
			got, err := texts(t, src, source.Query{Dataset: name}, raw)
			require.NoError(t, err, ty.sqlType)
			require.Empty(t, cmp.Diff([][]string{{"1", ty.want}, {"2", "∅"}}, got), ty.sqlType)
		}
	}
}

// Declared kinds take more types than those that are discovered, refuse what they
// cannot hold, and name the column.
func TestD9_DeclaredKinds(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	tests := []struct {
		name, sql string
		field     source.Field
		want      string
		rule      string // of the error, where there is one
	}{
		{name: "an integer as a bool", sql: "1::int2", field: source.Field{Kind: source.Bool}, want: "true"},
		{name: "two as a bool", sql: "2::int8", field: source.Field{Kind: source.Bool}, rule: "other than 0 and 1"},
		{name: "money as a decimal", sql: "'12.34'::money", field: source.Field{Kind: source.Decimal(10, 2)}, want: "12.34"},
		{name: "an integer as a decimal", sql: "7::int8", field: source.Field{Kind: source.Decimal(5, 2)}, want: "7.00"},
		{name: "an integer that is too large", sql: "1000::int8", field: source.Field{Kind: source.Decimal(5, 2)}, rule: "does not fit decimal(5,2)"},
		{name: "a text as a uuid", sql: "'{6F9619FF8B86D011B42D00C04FC964FF}'::text", field: source.Field{Kind: source.UUID}, want: "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{name: "another text as a uuid", sql: "'secret'::text", field: source.Field{Kind: source.UUID}, rule: "a text that is no uuid"},
		{name: "bytes as a uuid", sql: `'\x6f9619ff8b86d011b42d00c04fc964ff'::bytea`, field: source.Field{Kind: source.UUID}, want: "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{name: "a padded text as a uuid", sql: "'6f9619ff-8b86-d011-b42d-00c04fc964ff'::char(40)", field: source.Field{Kind: source.UUID}, want: "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{name: "other bytes as a uuid", sql: `'\xff'::bytea`, field: source.Field{Kind: source.UUID}, rule: "other than sixteen bytes"},
		{name: "a text as JSON", sql: "'[1, 2]'::varchar", field: source.Field{Kind: source.JSON}, want: "[1, 2]"},
		{name: "UTC without a zone", sql: "'2026-01-01 12:00'::timestamp", field: source.Field{Kind: source.Timestamp}, want: "2026-01-01T12:00:00Z"},
		{name: "a zone that would be lost", sql: "now()", field: source.Field{Kind: source.DateTime}, rule: "timestamptz here, which is not read as datetime"},
		{name: "numeric rounds", sql: "1.005", field: source.Field{Kind: source.Decimal(5, 2), Round: true}, want: "1.00"},
		{name: "numeric does not round", sql: "1.005", field: source.Field{Kind: source.Decimal(5, 2)}, rule: "does not fit decimal(5,2)"},
		{name: "NaN", sql: "'NaN'::numeric", field: source.Field{Kind: source.Decimal(5, 2)}, rule: "not a number"},
		{name: "NaN as null", sql: "'NaN'::numeric", field: source.Field{Kind: source.Decimal(5, 2), NullNaN: true}, want: "∅"},
		{name: "infinite numeric", sql: "'Infinity'::numeric", field: source.Field{Kind: source.Decimal(5, 2), NullNaN: true}, rule: "infinite"},
		{name: "infinite date", sql: "'infinity'::date", field: source.Field{Kind: source.Date}, rule: "infinite"},
		{name: "infinite timestamp", sql: "'-infinity'::timestamptz", field: source.Field{Kind: source.Timestamp}, rule: "infinite"},
		{name: "before the first year", sql: "'0044-03-15 BC'::date", field: source.Field{Kind: source.Date}, rule: "a year outside"},
		{name: "after the last year", sql: "'10000-01-01'::timestamp", field: source.Field{Kind: source.DateTime}, rule: "a year outside"},
		{name: "a type that does not fit", sql: "'[1,2)'::int4range", field: source.Field{Kind: source.Int64}, rule: "int4range here"},
		{name: "division by zero in a row", sql: "1 / (x - x)", field: source.Field{Kind: source.Int64}, rule: "SQLSTATE 22012"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.field.Name = "v"
			src, err := pgsource.New(pool, []pgsource.Dataset{{
				Name: "one", Query: "select " + tt.sql + " as v from (values (1)) as t (x)", Fields: []source.Field{tt.field}, Unguarded: true,
			}}, nil)
			require.NoError(t, err)
			for _, raw := range []bool{false, true} {
				got, err := texts(t, src, source.Query{Dataset: "one"}, raw)
				if tt.rule == "" {
					require.NoError(t, err)
					require.Equal(t, [][]string{{tt.want}}, got)
					continue
				}
				var bad *source.DataError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, "one", bad.Dataset)
				require.Contains(t, bad.Rule, tt.rule)
				if !strings.Contains(tt.rule, "SQLSTATE") { // of the server, which does not say where
					require.Equal(t, "v", bad.Column)
				}
				require.NotContains(t, err.Error(), "secret")
			}
		})
	}
}

// A value that is too long, and a row that is, are refused.
func TestFailure_LongValues(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	for sql, rule := range map[string]string{"repeat('x', 67108865)": "over 67108864 bytes", "repeat('x', 134300000)": "a row over"} {
		src, err := pgsource.New(pool, []pgsource.Dataset{{
			Name: "long", Query: "select " + sql + " as v", Fields: []source.Field{{Name: "v", Kind: source.String}}, Unguarded: true,
		}}, nil)
		require.NoError(t, err)
		_, err = texts(t, src, source.Query{Dataset: "long"}, true)
		var bad *source.DataError
		require.ErrorAs(t, err, &bad)
		require.Contains(t, bad.Rule, rule)
	}
}
