package source

import (
	"context"
	"io"
	"time"
)

// A Source is where rows come from. It is safe for concurrent use.
type Source interface {
	// Datasets returns the catalog of one tenant, in a stable order, with
	// unique names. A dataset that the tenant may not export now is returned
	// with [Dataset.Off] set. The caller does not change what it gets.
	Datasets(ctx context.Context, tenant string) ([]Dataset, error)

	// Open starts a read. It returns an error that wraps [ErrUnknownDataset]
	// for a name that is not in the catalog, and [ErrUnsupported] for a query
	// it cannot answer exactly: a source never widens or narrows a query.
	// ctx bounds the whole read, not only the call.
	Open(ctx context.Context, q Query) (Reader, error)
}

// A Reader gives the rows of one query. It is used by one goroutine.
type Reader interface {
	// Read appends rows to b, which is empty and whose schema is the query's
	// columns followed by its guard columns, until b.Full() or the rows end.
	// It returns nil when it appended at least one row, and [io.EOF] itself, not
	// wrapped, with b still empty, when there are no more. On another error what
	// b holds is thrown away, and the reader gives nothing more.
	//
	// Rows come in the order of the dataset's key where it has one, and the
	// same query over the same data gives the same rows in the same order.
	// A cell that its field cannot hold is a [DataError]; nothing is cut,
	// rounded or left out on the way.
	Read(ctx context.Context, b *Batch) error

	// Close releases what the reader holds. It may be called more than once
	// and before the end of the rows.
	io.Closer
}

// A CountedReader knows, from the same snapshot that it reads, how many rows
// it gives. The engine compares that with what it got, so that a driver that
// stops early without an error cannot shorten a file.
type CountedReader interface {
	Reader
	// Count returns the exact number of rows of the query. known is false when
	// this reader could not count, and the engine goes by what it reads.
	Count() (rows int64, known bool)
}

// A Counter counts the rows of a query without reading them.
type Counter interface {
	// Count returns the exact number of rows that Open would give now.
	Count(ctx context.Context, q Query) (int64, error)
}

// A Splitter cuts a query into key ranges of about equal size.
type Splitter interface {
	// Split returns, in ascending order, the last key of each run of the given
	// number of rows but the final one: with no keys, the query is one range.
	// A row with a null in its key is an error that names the dataset.
	Split(ctx context.Context, q Query, rows int64) ([]Key, error)
}

// A Spanner finds the time range of the data, so that "everything" can be cut
// into periods.
type Spanner interface {
	// Span returns the least and greatest value of the dataset's time column
	// over the rows of the query, as [Instant] gives it; ok is false when no
	// row has one.
	Span(ctx context.Context, q Query) (first, last time.Time, ok bool, err error)
}

// A Dataset is one kind of record that a tenant owns.
type Dataset struct {
	// Name identifies the dataset in the catalog. Not empty.
	Name string
	// Title is what people read. Default: Name.
	Title string
	// Area groups datasets for people: chat, billing.
	Area string
	// Schema describes the columns, in their natural order.
	Schema Schema
	// Key names the columns that order the rows and tell them apart; the
	// combination is unique and never null. Needed to split a large dataset
	// into parts. Keys are never Float64, Bytes or JSON.
	Key []string
	// Tenant names the column whose text is the row's tenant. Every row is checked.
	Tenant string
	// Unguarded says that the dataset has no tenant column: the source alone
	// keeps tenants apart, and the manifest says so. Exactly one of Tenant and
	// Unguarded is set.
	Unguarded bool
	// Time names the column, of a temporal kind, by which the dataset is cut
	// into periods; empty when it has none.
	Time string
	// Subject names the column that tells which person a row is about.
	Subject string
	// Off is the reason why the tenant cannot export this dataset now; empty when it can.
	Off string
}

// A Query says which rows and columns to read.
type Query struct {
	// Tenant is whose rows to read. A source gives no other tenant's.
	Tenant string
	// Dataset is the name from the catalog.
	Dataset string
	// Columns are the fields to write, in output order.
	Columns []string
	// Guard are further fields that are read and checked, not written.
	Guard []string
	// From and To bound the time column, half-open: From ≤ time < To. A zero
	// bound is no bound. For a Timestamp they are instants. For Date and
	// DateTime they are wall-clock readings given in UTC, to be compared with
	// what [Instant] returns. With a bound set, rows whose time is null are
	// not in the range.
	From, To time.Time
	// NullTime asks for exactly the rows whose time is null; From and To are zero then.
	NullTime bool
	// Filters must all hold.
	Filters []Filter
	// Subject, when not empty, asks for the rows whose subject column has this text.
	Subject string
	// After and UpTo bound the key: After < key ≤ UpTo, in the order in which
	// the source gives rows. Empty is no bound.
	After, UpTo Key
}

// A Key holds the texts (see [AppendText]) of a row's key columns, in the
// order of [Dataset.Key].
type Key []string

// A Filter keeps the rows whose column has one of the values.
type Filter struct {
	Column string `json:"column"`
	// In are texts as [AppendText] writes them.
	In []string `json:"in,omitempty"`
	// Null also keeps rows where the column is null.
	Null bool `json:"null,omitempty"`
}

// Find returns the dataset with that name.
func Find(datasets []Dataset, name string) (Dataset, bool) {
	for _, d := range datasets {
		if d.Name == name {
			return d, true
		}
	}
	return Dataset{}, false
}

// BatchSchema returns the schema of the batches that answer q.
func (d Dataset) BatchSchema(q Query) (Schema, error) {
	names := make([]string, 0, len(q.Columns)+len(q.Guard))
	return d.Schema.Select(append(append(names, q.Columns...), q.Guard...))
}
