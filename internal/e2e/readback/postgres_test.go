package readback_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

// COPY FROM takes a file into a table of the same types as it is, nulls and empty
// texts told apart; what the table then has is compared. Bytes come as base64 and
// are decoded by the table. Texts with U+0000 are left out: PostgreSQL has none.
func TestR16_PostgreSQLCopiesCSV(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	d := readback.Values(t)[0]
	files := readback.Export(t, readback.Datasets{d}, partRows, export.Request{Format: "csv"})[d.Name]
	require.Len(t, files, 1)
	file, err := os.Open(files[0])
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()

	var columns, names, selected []string
	for _, f := range d.Schema {
		columns = append(columns, readback.Name(f)+" "+readback.Type(f))
		names = append(names, readback.Name(f))
		if f.Kind == source.Bytes {
			columns = append(columns, "decoded bytea generated always as (decode("+readback.Name(f)+", 'base64')) stored")
			selected = append(selected, "decoded as "+readback.Name(f))
		} else {
			selected = append(selected, readback.Name(f))
		}
	}
	_, err = pool.Exec(t.Context(), "create table copied ("+strings.Join(columns, ", ")+")")
	require.NoError(t, err)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	done, err := conn.Conn().PgConn().CopyFrom(t.Context(), file, fmt.Sprintf("copy copied (%s) from stdin (format csv, header match, encoding 'UTF8')", strings.Join(names, ", ")))
	require.NoError(t, err)
	require.Equal(t, int64(len(d.Rows)), done.RowsAffected())

	src, err := pgsource.New(pool, []pgsource.Dataset{{
		Name: d.Name, Fields: d.Schema, Key: []string{"id"}, Unguarded: true,
		Query: "select " + strings.Join(selected, ", ") + " from copied",
	}}, nil)
	require.NoError(t, err)
	var got [][]formattest.Cell
	require.NoError(t, source.Each(t.Context(), src, source.Query{Dataset: d.Name, Columns: d.Schema.Names()}, func(b *source.Batch) error {
		got = append(got, readback.Cells(b)...)
		return nil
	}))
	readback.Compare(t, filepath.Base(files[0]), d, got, readback.Equal)
	requireSums(t, conn.Conn(), d)
}

// requireSums lets the server itself say what it has, in its own words.
func requireSums(t *testing.T, conn *pgx.Conn, d readback.Dataset) {
	t.Helper()
	for c, f := range d.Schema {
		var nulls, lengths, bytes int
		for _, row := range d.Rows {
			if row[c].Null {
				nulls++
				continue
			}
			lengths += len([]rune(row[c].Text))
			bytes += len(row[c].Text)
		}
		var gotNulls, gotLengths, gotBytes int
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("select count(*) - count(%s) from copied", readback.Name(f))).Scan(&gotNulls))
		require.Equal(t, nulls, gotNulls, "nulls of %q", f.Name)
		if ty := readback.Type(f); ty != "text" && ty != "json" {
			continue
		}
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("select sum(char_length(%[1]s::text)), sum(octet_length(%[1]s::text)) from copied", readback.Name(f))).Scan(&gotLengths, &gotBytes))
		require.Equal(t, []int{lengths, bytes}, []int{gotLengths, gotBytes}, "characters and bytes of %q", f.Name)
	}
}
