package pgsource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

func TestDiscover(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pool, _ := server.StartPostgresPool(t)
	exec(t, pool, `
create table runs (at timestamptz, "Org" text not null, id uuid, primary key ("Org", id));
create table logs (line text, org int, at text) partition by range (org);
create table logs_1 partition of logs for values from (1) to (2);
create table floats (x float8 primary key);
create view v as select * from runs;
create schema other;
create table other."a.b" (id int primary key);
create table other.runs (id int primary key)`)

	got, err := pgsource.Discover(ctx, pool, &pgsource.DiscoverOptions{Exclude: []string{"logs"}, TimeColumn: "at", TenantColumn: "Org", Unguarded: true, Views: true})
	require.NoError(t, err)
	want := []pgsource.Dataset{
		{Name: "floats", Table: "floats", Unguarded: true, KeepCollation: true, Fields: []source.Field{{Name: "x", Kind: source.Float64, Required: true}}},
		{Name: "runs", Table: "runs", Tenant: "Org", Time: "at", Key: []string{"Org", "id"}, KeepCollation: true, Fields: []source.Field{
			{Name: "at", Kind: source.Timestamp}, {Name: "Org", Kind: source.String, Required: true}, {Name: "id", Kind: source.UUID, Required: true},
		}},
		{Name: "v", Table: "v", Tenant: "Org", Time: "at", KeepCollation: true, Fields: []source.Field{
			{Name: "at", Kind: source.Timestamp}, {Name: "Org", Kind: source.String}, {Name: "id", Kind: source.UUID},
		}},
	}
	require.Empty(t, cmp.Diff(want, got))

	got, err = pgsource.Discover(ctx, pool, &pgsource.DiscoverOptions{Schema: "other"})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, `select * from "other"."a.b"`, got[0].Query)
	require.Equal(t, "other.runs", got[1].Table)
	src, err := pgsource.New(pool, got, nil)
	require.NoError(t, err)
	rows, err := texts(t, src, source.Query{Dataset: "a.b"}, true)
	require.NoError(t, err)
	require.Empty(t, rows)

	for name, opts := range map[string]pgsource.DiscoverOptions{
		`no table "nothing"`:               {Tables: []string{"runs", "nothing"}},
		`"floats" has no column "Org"`:     {TenantColumn: "Org"},
		`"at" of the table "logs" holds n`: {TimeColumn: "at"},
	} {
		_, err := pgsource.Discover(ctx, pool, &opts)
		require.ErrorContains(t, err, name)
	}
}

// Declared parameters reach the inside of a query with the right types.
func TestParameters(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	exec(t, pool, `create table runs (id bigint primary key, org bigint not null, at timestamp not null);
insert into runs select i, i % 3, timestamp '2026-01-01' + i * interval '1 day' from generate_series(1, 300) as i`)
	src, err := pgsource.New(pool, []pgsource.Dataset{{
		Name: "runs", Key: []string{"id"}, Tenant: "org", Time: "at",
		Query:  "select * from runs where org = :tenant and (at >= :from or :from is null) and (at < :to or :to is null)",
		Fields: []source.Field{{Name: "id", Kind: source.Int64}, {Name: "org", Kind: source.Int64}, {Name: "at", Kind: source.DateTime}},
	}}, nil)
	require.NoError(t, err)
	q := source.Query{Tenant: "1", Dataset: "runs", Columns: []string{"id"}}
	for tenant, want := range map[string]int64{"1": 100, "2": 100, "3": 0, "one": 0, "1 ": 0, "": 0, "1\x00": 0} {
		q.Tenant = tenant
		n, err := src.Count(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, want, n, "%q", tenant)
	}
	q.Tenant = "1"
	first, last, ok, err := src.Span(t.Context(), q)
	require.NoError(t, err)
	require.True(t, ok)
	q.From, q.To = first.AddDate(0, 0, 1), last
	n, err := src.Count(t.Context(), q)
	require.NoError(t, err)
	require.EqualValues(t, 98, n)
}

// A table without a key is read as it lies, a view in an order of its own; both
// give the same rows in the same order each time.
func TestKeyless(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	exec(t, pool, `create table logs (n int, doc json, line text);
insert into logs select (i * 7919) % 20000, json_build_object('n', i), repeat(i::text, 40) from generate_series(1, 20000) as i;
create view lines as select * from logs`)
	datasets, err := pgsource.Discover(t.Context(), pool, &pgsource.DiscoverOptions{Views: true})
	require.NoError(t, err)
	src, err := pgsource.New(pool, datasets, nil)
	require.NoError(t, err)
	var first [][]string
	for _, name := range []string{"logs", "lines"} {
		want, err := texts(t, src, source.Query{Dataset: name, Columns: []string{"n", "line", "doc"}}, true)
		require.NoError(t, err)
		require.Len(t, want, 20000)
		got, err := texts(t, src, source.Query{Dataset: name, Columns: []string{"n", "line", "doc"}}, false)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got))
		if first == nil {
			first = want
			require.Equal(t, "7919", want[0][0], "as it lies")
			continue
		}
		require.Equal(t, "0", want[0][0], "sorted")
	}
}
