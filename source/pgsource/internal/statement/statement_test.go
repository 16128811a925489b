package statement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query string
		want  []statement.Piece
		err   string
	}{
		{name: "none", query: "select 1;\n", want: []statement.Piece{{SQL: "select 1"}}},
		{name: "all", query: "select :tenant, :from,:to", want: []statement.Piece{{"select ", "tenant"}, {", ", "from"}, {",", "to"}, {}}},
		{name: "behind a bracket", query: "f(:tenant)", want: []statement.Piece{{"f(", "tenant"}, {SQL: ")"}}},
		{name: "a cast", query: "select a::text, ':tenant'::text", want: []statement.Piece{{SQL: "select a::text, ':tenant'::text"}}},
		{name: "a named argument", query: "f(x := 1)", want: []statement.Piece{{SQL: "f(x := 1)"}}},
		{name: "slices", query: "a[1:2], a[b:c]", want: []statement.Piece{{SQL: "a[1:2], a[b:c]"}}},
		{name: "literals", query: `':from' ':it''s' E'\':to' e'\\' U&':to' ":to""" `, want: []statement.Piece{{SQL: `':from' ':it''s' E'\':to' e'\\' U&':to' ":to"""`}}},
		{name: "a word that ends in e", query: "name':tenant'", want: []statement.Piece{{SQL: "name':tenant'"}}},
		{name: "comments", query: "-- :tenant\n/* :from /* nested */ :to */ :to", want: []statement.Piece{{"-- :tenant\n/* :from /* nested */ :to */ ", "to"}, {}}},
		{name: "dollars", query: "$$ :tenant $$ $a1$ :from $$ ; $a1$ :to", want: []statement.Piece{{"$$ :tenant $$ $a1$ :from $$ ; $a1$ ", "to"}, {}}},
		{name: "no end", query: "select ':tenant", want: []statement.Piece{{SQL: "select ':tenant"}}},
		{name: "two statements", query: "select 1; delete from x", err: "more than one statement"},
		{name: "placeholder", query: "select $1", err: "placeholder"},
		{name: "another parameter", query: "select :user", err: ":user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := statement.Parse(tt.query)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(tt.want, got))
		})
	}
}

// Whatever a query holds, its pieces are the query, and parsing ends.
func FuzzParse(f *testing.F) {
	for _, q := range []string{"select :tenant", "$a$ $", "'", "/*/", ":", "a:b", "$", "e'\\", "::", "-- "} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		pieces, err := statement.Parse(query)
		if err != nil {
			return
		}
		var all strings.Builder
		for i, p := range pieces {
			all.WriteString(p.SQL)
			if i < len(pieces)-1 {
				all.WriteString(":" + p.Param)
			}
		}
		require.True(t, strings.HasPrefix(query, all.String()))
		require.Empty(t, strings.Trim(query[all.Len():], " \t\r\n;"))
	})
}

func TestNameAt(t *testing.T) {
	t.Parallel()
	const sql = `select 'é', q."a", q."b""c" from "t" as q`
	at := func(what string) int { return len([]rune(sql[:strings.Index(sql, what)])) + 1 }
	require.Equal(t, "a", statement.NameAt(sql, at(`q."a"`)))
	require.Equal(t, `b"c`, statement.NameAt(sql, at(`q."b`)))
	for _, position := range []int{-1, 0, 1, at("from"), 1000} {
		require.Empty(t, statement.NameAt(sql, position))
	}
	require.Empty(t, statement.NameAt(`q."open`, 1))
}

func table() *statement.Table {
	return &statement.Table{
		Name: "runs", Pieces: []statement.Piece{{SQL: `"runs" as q`}}, Plain: `"runs"`, Key: []string{"id"}, Tenant: "org", Time: "at", Subject: "who",
		Schema: source.Schema{{Name: "id", Kind: source.Int64}, {Name: "org", Kind: source.String}, {Name: "at", Kind: source.Timestamp}, {Name: "who", Kind: source.String}, {Name: "ref", Kind: source.UUID}},
	}
}

// query resolves all columns of the table.
func query(t *testing.T, q source.Query) *statement.Query {
	t.Helper()
	tbl := table()
	out := &statement.Query{Table: tbl, Query: q, Columns: make(map[int]statement.Column)}
	for i, oid := range []uint32{pgtype.Int4OID, pgtype.TextOID, pgtype.TimestamptzOID, pgtype.BPCharOID, pgtype.TextOID} {
		var err error
		out.Columns[i], err = tbl.Resolve(i, oid, "a type")
		require.NoError(t, err)
	}
	return out
}

// Every value is a parameter, and what an index serves is there to be served.
func TestRows(t *testing.T) {
	t.Parallel()
	const hostile = `x'); drop table "runs"; --`
	from := time.Date(2026, 10, 1, 0, 0, 0, 1, time.FixedZone("", 3600))
	st, err := query(t, source.Query{
		Tenant: hostile, Columns: []string{"ref", "id"}, Guard: []string{"org"}, From: from, Subject: "bob",
		Filters: []source.Filter{{Column: "id", In: []string{"1", "2"}, Null: true}, {Column: "who", In: []string{`a"b\`, "c"}}},
		After:   source.Key{"10"},
	}).Rows()
	require.NoError(t, err)
	require.Equal(t, `select q."ref", q."id", q."org" from "runs" as q where true`+
		` and q."org" = cast($1 as text) and cast(q."org" as text) collate "C" = cast($2 as text)`+
		` and q."at" >= cast($3 as timestamptz)`+
		` and (q."id" = any(cast($4 as bigint[])) or q."id" is null)`+
		` and (cast(q."who" as text) collate "C" = any(cast($5 as text[])))`+
		` and cast(q."who" as text) collate "C" = cast($6 as text)`+
		` and (q."id") > (cast($7 as bigint)) order by q."id"`, st.SQL())
	require.Equal(t, []string{hostile, hostile, "2026-09-30T23:00:00.000001Z", `{"1","2"}`, `{"a\"b\\","c"}`, "bob", "10"}, texts(st.Args()))
}

// A range of a table is read without an order, where its rows lie.
func TestRange(t *testing.T) {
	t.Parallel()
	q := query(t, source.Query{Tenant: "acme", Columns: []string{"id"}})
	q.Key, q.Stored = nil, true
	st, err := q.Range()
	require.NoError(t, err)
	require.Equal(t, `select q."id" from "runs" as q where true`+
		` and q."org" = cast($1 as text) and cast(q."org" as text) collate "C" = cast($2 as text)`+
		` and q.ctid >= cast($3 as tid) and q.ctid < cast($4 as tid)`, st.SQL())
	require.Equal(t, "explain (format json) "+st.SQL(), st.Explain().SQL())
	require.Equal(t, st.Args(), st.Explain().Args())
	for end, want := range map[int64]string{256: "(256,0)", -1: "(4294967295,0)"} {
		st.Within(128, end)
		require.Equal(t, []string{"acme", "acme", "(128,0)", want}, texts(st.Args()))
	}
}

// texts are arguments as they are read.
func texts(args [][]byte) []string {
	var out []string
	for _, a := range args {
		out = append(out, string(a))
	}
	return out
}

func TestResolve_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	_, err := table().Resolve(0, pgtype.TextOID, "text")
	var bad *source.DataError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "id", bad.Column)
	require.Contains(t, bad.Rule, "the database has text here")
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	mod := func(precision, scale int32) int32 { return precision<<16 | scale&0x7ff + 4 }
	require.Equal(t, source.Decimal(12, 4), statement.KindOf(pgtype.NumericOID, mod(12, 4)))
	require.Equal(t, source.Decimal(38, 0), statement.KindOf(pgtype.NumericOID, mod(38, 0)))
	for _, m := range []int32{-1, mod(39, 2), mod(5, -2), mod(3, 5)} {
		require.Equal(t, source.String, statement.KindOf(pgtype.NumericOID, m), m)
	}
	require.Equal(t, source.String, statement.KindOf(pgtype.Int4rangeOID, -1))
}
