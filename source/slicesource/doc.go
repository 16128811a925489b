// Package slicesource makes a dataset of Go values: the structs of a slice, or
// those that a function gives one after another.
//
// # What it does
//
// [New] takes a slice and [NewFunc] a function from a query to a sequence. The
// columns are the struct's exported fields in the order of the struct, described
// by their export tags:
//
//	type Run struct {
//		ID      int64     `export:"run_id,key"`
//		Org     string    `export:"org_id,tenant"`
//		Created time.Time `export:",time,round"`
//		Email   *string   `export:"user_email,subject,personal"`
//		Cost    string    `export:"credit_cost,decimal(12,4)"`
//		Token   string    `export:",secret"`
//		cache   []byte    // not exported by Go: not a column
//		Debug   any       `export:"-"`
//	}
//
// A tag is a name and then options, separated by commas. An empty name, or no
// tag, means the field's name in snake case: UserID is user_id. The tag "-"
// leaves the field out. An embedded struct without a tag gives its own fields in
// its place. A field that can be no column and is not left out is an error, so
// that nothing goes missing unseen. The options:
//
//	key          part of the key, in the order of the struct; key=1, key=2 for another order
//	tenant       the tenant that the row belongs to
//	time         the time by which the dataset is cut into periods
//	subject      the person whom the row is about
//	required     a null is an error; without it only types that have no null are required
//	zeronull     the zero value (0, "", the zero time) is a null
//	off          left out unless asked for by name
//	personal     describes a person
//	secret       never leaves
//	round        digits beyond the kind's are rounded half to even: time.Now() has nanoseconds
//	title=Run    what people read; category=Billing groups fields. No commas inside
//	a kind       string, json, decimal(12,4), date, datetime and so on, see below
//
// Rows of other tenants are never given, and time range, filters, subject and
// key bounds hold exactly, whatever the function does with the query. A slice
// with a key is sorted once and can be counted, split into key ranges, and
// asked for its span.
//
// # Types and limits
//
// The kind follows the Go type, also through named types; where a type can be
// several kinds the tag says which:
//
//	bool                          bool
//	int…, uint…                   int64; decimal(p,s): the number times 10^s, so cents as decimal(12,2)
//	float32, float64              float64
//	string                        string; json, bytes, uuid, decimal(p,s): read from the text
//	[]byte                        bytes; string, json
//	json.RawMessage               json; bytes, string
//	[16]byte                      uuid
//	time.Time                     timestamp; datetime: its own clock's reading; date: its own day, at midnight
//	source.Int128, big.Int        decimal(p,s), to be declared: the number times 10^s
//	*T, sql.Null[T], sql.NullX    as T, nullable
//	encoding.TextAppender or      string, json, uuid, decimal(p,s), to be declared: read from its
//	encoding.TextMarshaler        text (a TextMarshaler allocates for each cell)
//
// A nil slice of bytes is a null, an empty one is not. A uint64 above the range
// of int64, digits that a decimal does not hold, a time with nanoseconds, a year
// outside 1 to 9999 and a date with a time of day fail the read. That texts are
// UTF-8 and JSON is valid is left to the engine, which checks it for all sources.
//
// The Go code of a row costs no allocation and about as much as copying the
// struct and its cells once. A slice stays as large as it is, and with a key
// whose order is not the slice's it takes eight bytes a row more; for what does
// not fit in memory there is NewFunc, which holds one row at a time.
//
// # Atomicity
//
// A slice must not change while its source is in use; it then is a snapshot by
// itself. What a function reads, and whether two of its sequences see the same
// instant, is up to the function.
//
// # Errors
//
// New and NewFunc name every wrong tag at once. Reads fail with a
// [source.DataError] for a value its column cannot hold, for keys out of order
// or given twice, and with the sequence's own error, wrapped. A query by
// something that the struct does not tag gives [source.ErrUnsupported].
//
// # Options
//
// See [Options]. A struct without a tenant needs Unguarded, which says that
// every tenant may see every row.
package slicesource
