package memory_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// callsTable is a table like the rows of calls.
var callsTable = sqlsource.Dataset{
	Name: "calls", Table: "calls", Key: []string{"call_id"}, Tenant: "org_id", Time: "created",
	Fields: []source.Field{
		{Name: "call_id", Kind: source.Int64, Required: true},
		{Name: "org_id", Kind: source.String, Required: true},
		{Name: "created", Kind: source.Timestamp, Required: true},
		{Name: "model", Kind: source.String},
		{Name: "cost", Kind: source.Decimal(18, 6)},
		{Name: "score", Kind: source.Float64},
		{Name: "cached", Kind: source.Bool},
		{Name: "prompt", Kind: source.String},
		{Name: "settings", Kind: source.JSON},
		{Name: "reviewer", Kind: source.String},
	},
}

// newDatabase makes a SQLite file with that many calls.
func newDatabase(t *testing.T, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.sqlite")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(off)&_pragma=synchronous(off)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range []string{
		`create table calls (call_id integer primary key, org_id text not null, created text not null, model text,
			cost text, score real, cached integer, prompt text, settings text, reviewer text)`,
		`with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?1)
			insert into calls select i, 'acme', strftime('%Y-%m-%d %H:%M:%S', 1767225600 + i, 'unixepoch'), 'model ' || (i % 7),
				printf('%d.%06d', i % 1000, i * 7919 % 1000000), i / 7.0, i % 3 = 0,
				printf('a prompt, %d words "quoted" %.*c', i, 80 + i % 60, 'x'), '{"temperature":0.5,"n":' || i || '}',
				case when i % 4 = 0 then 'ann@acme.example' end
			from n`,
	} {
		_, err := db.ExecContext(t.Context(), statement, rows)
		require.NoError(t, err)
	}
	return path
}
