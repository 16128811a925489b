// Package pgsource reads datasets from PostgreSQL, in its own binary protocol.
//
// # What it does
//
// A [Dataset] is a table, or a select statement and what its columns mean.
// [New] makes a source of some; [Discover] writes them from the database's own
// catalog. The statement is never changed: it is wrapped,
//
//	select … from (your query) as q where … order by key
//
// and the source adds the tenant, the range in time, filters, the subject and
// the bounds of the key, every value as a parameter. It never uses OFFSET. A
// declared query may use three parameters itself, to bring a condition nearer to
// a table or to keep tenants apart where the rows do not name theirs:
//
//	:tenant   whose rows are asked for: of the tenant column's kind where that is
//	          an integer or a UUID, else a text
//	:from     the start of the range in time; null when open
//	:to       the end of the range, likewise
//
// A parameter is a colon and the name, in lower case, not behind a letter, a
// digit or a colon, and outside literals, quoted names and comments; 'a':: and
// := are left alone. The outer conditions hold all the same. A query is one
// statement and has no placeholders of its own.
//
// Every read is one transaction, REPEATABLE READ READ ONLY, on one connection of
// the pool, unless it is told to take several. In it the server is asked for the types of the columns, then counts
// the rows, then sends them. One goroutine cuts them off the wire into an arena,
// and whoever encodes them decodes them: readers are [source.RawReader]s.
//
// # Types and limits
//
// What a column of each type is to [Discover], and what else a field of each
// kind takes. A column of another type is an error that names it.
//
//	kind       Discover                            also
//	Bool       bool                                int2, int4, int8: 0 and 1
//	Int64      int2, int4, int8, oid
//	Float64    float4 (widened exactly), float8    int2, int4, int8: to 2^53
//	Decimal    numeric(p,s)                        numeric, money, int2, int4, int8
//	String     text, varchar, char, name, enums, numeric without precision or with
//	           more than 38 digits, interval, time, timetz, money, arrays, ranges,
//	           multiranges, composites, inet, cidr, macaddr, bit, xml, tsvector,
//	           geometric and every other type: its text
//	Bytes      bytea
//	Date       date
//	Timestamp  timestamptz                         timestamp, which holds UTC
//	DateTime   timestamp
//	UUID       uuid                                text, varchar, char, bytea
//	JSON       json, jsonb                         text, varchar
//
// A domain is what it is over. A text is what the server writes with TimeZone
// UTC, DateStyle ISO, IntervalStyle postgres, bytea_output hex and
// extra_float_digits 1, to which every session is set, so that it does not depend
// on the settings of a connection; declared queries run with these, too. Trailing
// blanks of char(n) are padding and not read.
//
// These values are a [source.DataError]: a numeric with more digits than the
// field has, unless it says Round; NaN in a Decimal, unless it says NullNaN;
// infinite numerics in a Decimal; infinite dates and timestamps, and those outside
// of the years 1 to 9999. As a String all numerics are texts, NaN and Infinity
// among them. A value over 64 MiB or a row over 128 MiB is refused before it is
// taken from the server, and ends the connection. U+0000 is in no text of the
// database, so no tenant, subject or filter with it matches.
//
// # Snapshots
//
// The source is a [source.Snapshotter]: one transaction exports its snapshot, and
// every reader, of this process or another one, begins on it (SET TRANSACTION
// SNAPSHOT). The snapshot is named as the server calls it, and ends with its
// transaction. While it is held, VACUUM keeps the rows that it may show: a job that
// waits for long costs the database space.
//
// # Order and collation
//
// Text keys are ordered and compared byte by byte (COLLATE "C"), so that key
// ranges tile whatever the column's collation takes for equal. An index in another
// collation is then of no use to the order and the database sorts;
// [Dataset.KeepCollation] keeps the column's own where the key is unique under it,
// which the key of a discovered table is. Tenants, subjects and filters always
// match byte by byte, and an index narrows them where there is one. A key of
// several columns is compared as a row value.
//
// A table without a key is read as its rows lie in it. A view or a declared query
// without one is sorted by all columns asked for, which costs a sort.
//
// # Several connections
//
// With [Options.Connections] one read of a table without a key goes over several
// connections: each takes the next range of the table's blocks (ctid ranges), on
// the same snapshot, and the ranges' rows are handed out in their order, the same
// bytes as over one connection. A connection holds about two megabytes
// ([Options.RangeBlocks]) of rows that are not asked for yet, and then waits.
//
// This is for an ordinary table or a materialized view of more than one range, on
// PostgreSQL 14 or newer, whose whole scan is the server's plan for the query. All
// else is read over one connection as without the option: datasets with a key,
// which the engine cuts into parts and reads at once anyway; views, declared
// queries and partitioned tables; and queries that an index serves better, since
// ranges read the whole table. Ranges go through the server's shared buffers like
// an index's rows, and unlike a large scan.
//
// A read takes further connections only while the pool has room for them, and
// goes on with those it got within a few seconds. For all of them, give the pool
// as many as there are parts read at once, times Connections.
//
// # Atomicity
//
// The source only reads. A reader holds its connections until Close at the latest.
// One that is closed before its end, or canceled, drops them, and the pool makes
// others.
//
// # Errors
//
// [source.ErrUnknownDataset] and [source.ErrUnsupported] as the contract says, and
// for a table or a right that the database lacks; [source.DataError] for values
// that do not fit and for columns that are gone or of a type that does not fit;
// context.DeadlineExceeded joined to a statement that was canceled by its timeout
// or by an operator; [source.ErrSnapshotGone] and [source.ErrSnapshotLimit]; the
// context's error when it ended. All else, a server that
// restarts or refuses connections among it, is PostgreSQL's own error, and passes.
//
// # Options
//
// [Options.OmitCount] leaves out the count before a read; the number that the
// server says to have sent is compared in any case. [Options.RowsPerSecond] and
// [Options.BytesPerSecond] protect the database's other users, for all readers of
// the source together; a paced reader keeps its transaction open.
// [Options.StatementTimeout] bounds a statement and all its rows; over several
// connections that is the statement of one range. [Options.Connections] and
// [Options.RangeBlocks] are about tables without a key, see above.
// [Options.Snapshots] bounds the connections that hold snapshots, beside the pool.
// The pool is the host's: give it at least as many connections as parts are read at
// once.
package pgsource
