package memory_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// One byte above the limit of a cell is refused, with the names of dataset and
// column, and nothing is left in the sink.
func TestR21_CellAboveTheLimit(t *testing.T) {
	const size = source.MaxCell + 1
	type upload struct {
		ID   int64  `export:"upload_id,key"`
		Org  string `export:"org_id,tenant"`
		Body []byte `export:"body"`
	}
	for _, tt := range []struct {
		name   string
		source func(t *testing.T) (source.Source, error)
	}{
		{"slicesource", func(*testing.T) (source.Source, error) {
			return slicesource.NewFunc("uploads", func(context.Context, source.Query) iter.Seq2[upload, error] {
				return func(yield func(upload, error) bool) {
					_ = yield(upload{1, "acme", []byte("small")}, nil) && yield(upload{2, "acme", make([]byte, size)}, nil)
				}
			}, nil)
		}},
		{"sqlsource", func(t *testing.T) (source.Source, error) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "uploads.sqlite")+"?_pragma=synchronous(off)")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			for _, statement := range []string{
				"create table uploads (upload_id integer primary key, org_id text not null, body blob)",
				fmt.Sprintf("insert into uploads values (1, 'acme', x'00'), (2, 'acme', zeroblob(%d))", size),
			} {
				_, err = db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			return sqlsource.New(db, sqlsource.SQLite, []sqlsource.Dataset{{
				Name: "uploads", Table: "uploads", Key: []string{"upload_id"}, Tenant: "org_id",
				Fields: []source.Field{
					{Name: "upload_id", Kind: source.Int64}, {Name: "org_id", Kind: source.String}, {Name: "body", Kind: source.Bytes},
				},
			}}, nil)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, err := tt.source(t)
			require.NoError(t, err)
			bucket, err := memsink.New(nil)
			require.NoError(t, err)
			engine, err := export.New(export.Config{Source: src, Store: memstore.New(nil), Sink: bucket, Formats: []format.Formatter{csvfmt.Format{}}})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			done := make(chan error, 1)
			go func() { done <- engine.Run(ctx) }()
			_, err = completed(ctx, engine, export.Request{Tenant: "acme", All: true, Format: "csv"})
			cancel()
			require.NoError(t, <-done)
			var refused *export.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, export.CodeBadData, refused.Code)
			require.Contains(t, refused.Message, `dataset "uploads", column "body"`)
			require.Contains(t, refused.Message, "67108865 bytes is over the limit of 67108864")
			require.Empty(t, bucket.Keys())
			require.Zero(t, bucket.Unfinished())
		})
	}
}
