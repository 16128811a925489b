// Package usage is the data that is exported: the seeded rows of
// [formattest.AppendUsage], as a table of PostgreSQL and as what a typical Go
// program holds of it.
package usage

import (
	"io"
	"strings"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// Table is the name of the table.
const Table = "usage"

// SmallTable is the name of one that holds the first rows of it.
const SmallTable = "usage_small"

// Columns are its columns, as a select statement names them.
func Columns() string { return strings.Join(formattest.UsageSchema().Names(), ", ") }

// DuckDBColumns are the columns as DuckDB declares them; all times are in UTC.
const DuckDBColumns = `run_id uuid not null, org_id uuid not null, user_id uuid not null, thread_id uuid,
	user_name varchar, user_email varchar, title varchar, model varchar, status varchar,
	credit_cost decimal(12,4), tokens bigint, cached boolean,
	created_at timestamp not null, finished_at timestamp, settings json`

// CreateTable makes it: a plain table without key or index.
const CreateTable = `create table ` + Table + ` (
	run_id uuid not null, org_id uuid not null, user_id uuid not null, thread_id uuid,
	user_name text, user_email text, title text, model text, status text,
	credit_cost numeric(12,4), tokens bigint, cached boolean,
	created_at timestamptz not null, finished_at timestamptz, settings jsonb)`

// chunk is how many rows have one seed.
const chunk = source.DefaultBatchRows

// Each calls fn with the rows in batches, which fn does not keep. The same seed
// gives the same rows.
func Each(rows int, seed uint64, fn func(*source.Batch) error) error {
	b := source.NewBatch(formattest.UsageSchema(), chunk, 1<<30)
	for done := 0; done < rows; done += chunk {
		b.Reset()
		if err := formattest.AppendUsage(b, seed+uint64(done), min(chunk, rows-done)); err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

// WriteCSV writes the rows as CSV with a header, for databases to load.
func WriteCSV(w io.Writer, rows int, seed uint64) error {
	out, err := csvfmt.Format{}.NewWriter(w, formattest.UsageSchema())
	if err != nil {
		return err
	}
	if err := Each(rows, seed, out.Write); err != nil {
		return err
	}
	return out.Close()
}
