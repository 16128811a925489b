// Package sqlsource reads datasets from any database that database/sql has a
// driver for and that speaks the SQL of SQLite, PostgreSQL or MySQL.
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
// the bounds of the key. It never uses OFFSET. A declared query may use three
// parameters itself, to bring a condition nearer to a table or to keep tenants
// apart where the rows do not name theirs:
//
//	:tenant   whose rows are asked for: of the tenant column's kind, else a text
//	:from     the start of the range in time, as the time column is stored; null when open
//	:to       the end of the range, likewise
//
// A parameter is a colon and the name, in lower case, not behind a letter, a
// digit or a colon, and outside literals, quoted names and comments; 'a':: and
// := are left alone. The outer conditions hold all the same. A query with :from
// or :to on SQLite declares TimeStorage. A query is one statement and has no
// placeholders of its own.
//
// Every read is one read-only transaction on one connection: SQLite BEGIN
// DEFERRED, PostgreSQL REPEATABLE READ READ ONLY, MySQL START TRANSACTION WITH
// CONSISTENT SNAPSHOT, READ ONLY. In it the rows are counted first, then read:
// a driver that stops early without an error gives fewer than were counted. Two
// reads are two snapshots. On SQLite without WAL a long read keeps writers
// waiting. On MySQL the session's zone is UTC and its net_write_timeout an hour
// for as long as the read lasts.
//
// # Types and limits
//
// What a column of each type is to [Discover], and what a field of each kind
// takes. A value that a field cannot hold is a [source.DataError].
//
//	kind       SQLite values               PostgreSQL types         MySQL types
//	Bool       integers 0 and 1            bool; integers 0 and 1   bit(1); integers 0 and 1
//	Int64      integers                    int2 int4 int8 oid       tinyint to bigint, year
//	Float64    reals, integers to 2^53     float4 float8            float double
//	Decimal    integers, reals, texts      numeric(p,s)             decimal(p,s), bigint unsigned
//	String     texts, and numbers          text varchar char enum,  char varchar text enum set,
//	           as their digits             everything else as text  time, everything else as text
//	Bytes      blobs, texts, numbers       bytea                    binary varbinary blob bit(n)
//	           as their digits
//	Date       texts of a day, integers    date                     date
//	Timestamp  texts, integers             timestamptz              timestamp
//	DateTime   texts without a zone        timestamp                datetime
//	UUID       texts, 16 bytes             uuid, text, bytea        char(36), binary(16), uuid
//	JSON       texts                       json jsonb               json
//
// A real number is written with the fewest digits that read back equal, so that
// 0.99 in a NUMERIC(10,2) of SQLite is the decimal 0.99. A float of single
// precision is widened exactly. Trailing blanks of PostgreSQL's char(n) are
// padding and not read. A numeric without precision, or with more digits than
// Decimal has, is a String. A timestamp column may be declared a Timestamp when
// it holds UTC. MySQL's tinyint(1) is an integer, since it may hold more than 0
// and 1; declare a Bool where it does not. Infinite dates, zero dates and years
// outside 1 to 9999 are errors.
//
// SQLite's columns hold anything. [Discover] reads each table once: the declared
// type proposes a kind; when a value does not fit, the column becomes an Int64
// if all are integers, Float64 if all are reals, String if there are texts or
// both sorts of number, and Bytes as soon as there is a blob among others.
// DATE, DATETIME and TIMESTAMP columns are a Date when only days are written, a
// Timestamp when UTC is named or Unix time is stored, else a DateTime.
// A table with a primary key that holds no nulls has that key. One without is
// read in the order of its row numbers; elsewhere a dataset without a key is
// sorted by all columns asked for, which costs a sort. Views are left out unless
// asked for.
//
// # How times are stored
//
// A range in time is right only if its bounds are written as the column's
// values are. PostgreSQL and MySQL have types for times. A column of text or
// integers says how in [Dataset.TimeStorage]. On SQLite it is detected: the first
// value shows a layout, or the least and the greatest integer show a unit, and
// then the database is asked whether every value of the tenant that is not null
// is stored so. If not, the query is refused with an error that names the column
// and what to declare, and no range is ever cut by texts that do not sort as
// time does. Fractions of any length do sort, and so does a Z behind them, which
// costs the index. Julian days are refused. The answer is trusted for
// [Options.Recheck].
//
// The same look is taken at UUIDs stored as text, and at SQLite's decimals, where
// they are a key or are filtered by: all of one spelling; all numbers, or all
// texts with every digit of the scale. If not, the answer is
// [source.ErrUnsupported], and reading them without it goes on. A decimal key that
// SQLite holds as text sorts as text.
//
// # Order and collation
//
// Text keys are ordered and compared byte by byte: COLLATE BINARY on SQLite, "C"
// on PostgreSQL, cast to binary on MySQL, so that key ranges tile whatever the
// column's collation takes for equal. An index in another collation is then of
// no use to the order and the database sorts; [Dataset.KeepCollation] keeps the
// column's own where the key is unique under it, which the key of a discovered
// table is. Tenants, subjects and filters always match byte by byte, and an
// index narrows them where there is one. A key of several columns is compared
// as a row value, on MySQL column by column, which is what its indexes serve.
//
// # Atomicity
//
// The source only reads. A reader holds its connection until Close, which ends
// the transaction also after a cancellation; a connection that cannot be cleaned
// is closed.
//
// # Errors
//
// [source.ErrUnknownDataset] and [source.ErrUnsupported] as the contract says;
// [source.DataError] for values that do not fit and for columns of mixed forms;
// errors of the database wrapped with the dataset's name; the context's error
// when it ended. Split refuses a key with nulls.
//
// # Options
//
// [Options.OmitCount] leaves out the count before a read, [Options.Recheck] says
// how long a look at stored forms is trusted. Timeouts are the context's, pools
// are the *sql.DB's: give it at least as many connections as parts are read at once.
package sqlsource
