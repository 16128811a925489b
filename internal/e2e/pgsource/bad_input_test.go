package pgsource_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

// What a database may have in stock fails an export with a reason that names the
// column and the rule, that says whether to try again as it truly is, and that
// shows no data; nothing becomes visible at the destination.
func TestR17_BadInput(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	field := func(k source.Kind) []source.Field {
		return []source.Field{{Name: "id", Kind: source.Int64}, {Name: "v", Kind: k}}
	}
	tests := []struct {
		name    string
		table   string // of the column v; 5000 rows of it with good, and one with bad
		bad     string
		fields  []source.Field
		before  string // each read
		opts    pgsource.Options
		code    export.Code
		reason  []string
		retry   bool
		alone   bool   // not over two connections
		queried string // instead of the table
	}{
		{
			name: "a value that does not fit its kind", table: "int default 1", bad: "-7", fields: field(source.Bool),
			code: export.CodeBadData, reason: []string{`column "v"`, "an integer other than 0 and 1 in a bool"},
		},
		{
			name: "a text that is no uuid", table: "text default '6f9619ff-8b86-d011-b42d-00c04fc964ff'", bad: "'secret'", fields: field(source.UUID),
			code: export.CodeBadData, reason: []string{`column "v"`, "no uuid"},
		},
		{
			name: "a text that is no JSON", table: "text default '{}'", bad: "'secret'", fields: field(source.JSON),
			code: export.CodeBadData, reason: []string{`column "v"`, "JSON"},
		},
		{
			name: "an infinite time", table: "timestamptz default now()", bad: "'infinity'", fields: field(source.Timestamp),
			code: export.CodeBadData, reason: []string{`column "v"`, "an infinite time"},
		},
		{
			name: "a decimal wider than declared", table: "numeric default 1", bad: "-12345.678", fields: field(source.Decimal(6, 2)),
			code: export.CodeBadData, reason: []string{`column "v"`, "decimal(6,2)"},
		},
		{
			name: "a type that nobody mapped", table: "int4range default '[1,2)'", bad: "'empty'", fields: field(source.Decimal(6, 2)),
			code: export.CodeBadData, reason: []string{`column "v"`, "int4range", "declare a kind that fits, or a string"},
		},
		{
			name: "a column dropped between plan and read", table: "int default 1", bad: "1", fields: field(source.Int64), before: "drop column if exists v",
			code: export.CodeBadData, reason: []string{`column "v"`, "no such column any more"},
		},
		{
			name: "a column of another type between plan and read", table: "int default 1", bad: "1", fields: field(source.Int64), before: "alter column v type text",
			code: export.CodeBadData, reason: []string{`column "v"`, "text here, which is not read as int64"},
		},
		{
			name: "a table renamed between plan and read", table: "int default 1", bad: "1", fields: field(source.Int64), before: "rename to gone",
			code: export.CodeSourceError, reason: []string{"unknown dataset"},
		},
		{
			name: "a value that the database refuses", fields: field(source.Int64), queried: "select i as id, 1000 / (5000 - i) as v from generate_series(1, 9000) as i",
			opts: pgsource.Options{OmitCount: true}, code: export.CodeBadData, reason: []string{"SQLSTATE 22012"},
		},
		{
			name: "a server that goes away in the middle", fields: field(source.Int64),
			queried: "select i as id, case when i = 5000 then pg_terminate_backend(pg_backend_pid())::int end as v from generate_series(1, 9000) as i",
			opts:    pgsource.Options{OmitCount: true}, code: export.CodeSourceError, reason: []string{"read dataset"}, retry: true,
		},
		{
			name: "a statement that takes too long", fields: field(source.Int64),
			queried: "select i as id, case when i = 5000 then length(pg_sleep(60)::text) end as v from generate_series(1, 9000) as i",
			opts:    pgsource.Options{OmitCount: true, StatementTimeout: 100 * time.Millisecond}, code: export.CodeSourceTimeout, reason: []string{"statement timeout"}, retry: true,
		},
		{
			name: "rows that are taken more slowly than a statement may last", table: "text default repeat('x', 500)", bad: "''", fields: field(source.String),
			opts: pgsource.Options{OmitCount: true, StatementTimeout: 100 * time.Millisecond, RowsPerSecond: 5000}, alone: true,
			code: export.CodeSourceTimeout, reason: []string{"read dataset", "statement timeout"}, retry: true,
		},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := "stock_" + string(rune('a'+i))
			ds := pgsource.Dataset{Name: name, Query: tt.queried, Fields: tt.fields, Unguarded: true}
			if tt.queried == "" {
				ds.Table = name
				exec(t, pool, "create table "+name+" (id bigint, v "+tt.table+")")
				exec(t, pool, "insert into "+name+" (id) select generate_series(1, 5000)")
				exec(t, pool, "insert into "+name+" values (5001, "+tt.bad+")")
			}
			for connections := 1; connections <= 2 && !(tt.alone && connections == 2); connections++ {
				tt.opts.Connections, tt.opts.RangeBlocks = connections, 1
				src, err := pgsource.New(pool, []pgsource.Dataset{ds}, &tt.opts)
				require.NoError(t, err)
				at := sync.OnceFunc(func() {
					if tt.before != "" && connections == 1 {
						exec(t, pool, "alter table "+name+" "+tt.before)
					}
				})
				read := source.Source(&interrupted{Source: src, at: at})
				if tt.opts.OmitCount {
					read = struct{ source.Source }{src} // nor does the engine count
				}
				y := newYard(t, read, func(c *export.Config) { c.MaxAttempts = 2 })
				j := y.fail()
				require.Equal(t, tt.code, j.Error.Code, "%v", j.Error)
				require.Equal(t, tt.retry, j.Error.Retryable, "%v", j.Error)
				for _, part := range tt.reason {
					require.Contains(t, j.Error.Error(), part)
				}
				require.NotContains(t, j.Error.Error(), "secret")
				require.NotContains(t, j.Error.Error(), "12345")
			}
		})
	}
}

// fail exports everything, which must come to a bad end without a trace.
func (y *yard) fail() *export.Job {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	j, err := y.Request(ctx, export.Request{Tenant: "acme", Actor: "test", All: true, Format: "csv"})
	require.NoError(y.t, err)
	for now, err := range y.Watch(ctx, j.Tenant, j.ID, 10*time.Millisecond) {
		require.NoError(y.t, err)
		j = now
	}
	require.Equal(y.t, export.Failed, j.State)
	require.Empty(y.t, y.disk.Keys())
	return j
}
