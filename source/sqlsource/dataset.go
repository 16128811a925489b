package sqlsource

import (
	"context"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A Dialect is the SQL that a database speaks. The zero value is none.
type Dialect uint8

// The dialects.
const (
	// SQLite is SQLite 3.37 or later.
	SQLite = Dialect(dialect.SQLite)
	// PostgreSQL is PostgreSQL 12 or later.
	PostgreSQL = Dialect(dialect.PostgreSQL)
	// MySQL is MySQL 8.0 or later, and MariaDB 10.5 or later.
	MySQL = Dialect(dialect.MySQL)
)

// String returns the name of the database.
func (d Dialect) String() string { return dialect.Dialect(d).String() }

// A TimeStorage says how the values of a Date, Timestamp or DateTime column
// are stored: one of the constants, or a layout of text in the terms of package
// time, such as "2006-01-02 15:04:05".
//
// A layout must sort as time does. It is 2006-01-02, alone or with a T or a
// space and 15:04, 15:04:05, 15:04:05.000 (so many digits always) or
// 15:04:05.999 (as many digits as there are, or none), and then nothing or UTC
// written as Z, +00:00, +0000, +00 or " +0000 UTC". Without a zone a Timestamp
// is in UTC.
type TimeStorage string

// The storages that are not text.
const (
	// Detected looks at the values on SQLite, and is Native elsewhere.
	Detected TimeStorage = ""
	// Native is the database's own type: date, timestamp, timestamptz, datetime.
	Native TimeStorage = stored.Native
	// UnixSeconds is an integer of seconds since 1970-01-01T00:00:00Z.
	UnixSeconds TimeStorage = stored.UnixSeconds
	// UnixMillis is the same in milliseconds.
	UnixMillis TimeStorage = stored.UnixMillis
	// UnixMicros is the same in microseconds.
	UnixMicros TimeStorage = stored.UnixMicros
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
	// TimeStorage says how that column is stored. Default: [Detected].
	TimeStorage TimeStorage
	// Storage says how other temporal columns are stored. Default: [Detected].
	Storage map[string]TimeStorage
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
	// snapshot. A driver that stops early without an error is then not noticed.
	OmitCount bool
	// Recheck is how long a check of stored forms (see the package
	// documentation) is trusted. Default: 1 minute. Negative: never.
	Recheck time.Duration
}
