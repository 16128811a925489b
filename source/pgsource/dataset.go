package pgsource

import (
	"context"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Dataset is one table or query and what its columns mean.
type Dataset struct {
	// Name identifies the dataset. Not empty, unique in the source.
	Name string
	// Title is what people read. Default: Name.
	Title string
	// Area groups datasets for people.
	Area string

	// Query is a select statement. The source wraps it and never changes it.
	// It may use the parameters :tenant, :from and :to, see the package
	// documentation. Exactly one of Query and Table is set.
	Query string
	// Table names a table or view, "name" or "schema.name". A name that
	// holds a dot itself needs a Query.
	Table string

	// Fields are the columns to offer, by the names that the query or table
	// gives them.
	Fields []source.Field
	// Key names the columns that order the rows and tell them apart. Without
	// it the dataset cannot be cut into parts by key.
	Key []string
	// Tenant names the column that says whose the row is; Unguarded says that
	// there is none. Exactly one of the two is set.
	Tenant    string
	Unguarded bool
	// Time names the column by which the dataset is cut into periods. Default: none.
	Time string
	// Subject names the column that tells which person a row is about. Default: none.
	Subject string
	// KeepCollation orders and compares text keys by the column's own
	// collation instead of byte by byte, so that an index in that collation
	// serves. The key must be unique under it, as a primary key is.
	KeepCollation bool
	// Off is asked at each reading of the catalog whether the tenant may not
	// export this dataset now, and why: "" when it may. Default: it always may.
	Off func(ctx context.Context, tenant string) (reason string, err error)
}

// Options are the settings of a [Source]. The zero value is the default.
type Options struct {
	// OmitCount leaves out the count that each read makes first, in its own
	// snapshot. What the server says it has sent is compared all the same.
	OmitCount bool
	// RowsPerSecond and BytesPerSecond bound what all readers of the source
	// take together, bytes as they come over the wire. Default: 0, no limit.
	RowsPerSecond, BytesPerSecond int64
	// StatementTimeout is how long one statement may take, the reading of all
	// its rows included. Default: 0, what the session has. Negative: no limit.
	StatementTimeout time.Duration
	// Connections is over how many connections of the pool one read of a table
	// without a key goes, see "Several connections" in the package documentation.
	// Default: 1.
	Connections int
	// RangeBlocks is how many blocks of such a table a connection reads at a time,
	// and about how much it holds twice. Default: 128, which are a megabyte.
	RangeBlocks int
	// Snapshots is how many snapshots the source holds at once, each by a
	// connection beside the pool and for as long as a job lasts. More are
	// refused. Default: 8. Negative: none.
	Snapshots int
}
