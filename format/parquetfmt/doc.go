// Package parquetfmt writes Apache Parquet files.
//
// # What it does
//
// A writer fills one page per column from batches, compresses it when it is
// full, and keeps it until the row group ends; then the columns of the row group
// go out one after the other. Pages and values are laid out here, from the
// vectors of a batch, without a value object per cell; the structures of the
// metadata, the run-length encoding and the codecs are parquet-go's. Its own
// column writers are not used, since their statistics of 128-bit decimals are in
// the wrong order, keep strings of any length in memory until the file ends, and
// their page buffers outgrow a bound for hundreds of columns.
//
// A column chunk whose values repeat is dictionary-encoded, of any type but
// BOOLEAN. The first page is the trial: the dictionary stays if the values that
// repeat in the page's last half save at least twice what the numbers of all take.
// It is given up at the page where that ends or where it has no room for more than
// its 512 KiB (less for many columns), and a column that failed the trial is tried again only
// after 1, 3, 7 and then 15 row groups. Other integers, dates, timestamps and
// decimals up to 18 digits are DELTA_BINARY_PACKED, other strings, bytes and JSON
// DELTA_LENGTH_BYTE_ARRAY, and all the rest is PLAIN. Pages are of the first kind
// (DATA_PAGE) with a CRC, and there is no page index.
//
// A Write encodes and compresses the columns of its rows on several cores, see
// [Format], and returns when all is done. On two cores rows of usage data take 0.6
// of the time of one, in the memory of one row group; row groups built side by
// side would take one each, and the rows for them in hand.
//
// Bytes depend neither on the number of goroutines nor on how rows were cut into
// batches.
//
// # Types and limits
//
// Fields become columns in the schema's order, under their names as they are;
// required fields are REQUIRED and the others OPTIONAL. A null is a null; an
// empty string is an empty string.
//
//	Bool                   BOOLEAN
//	Int64                  INT64, INTEGER(64, signed)
//	Float64                DOUBLE; NaN, infinities and −0 as they are
//	Decimal(p, s), p ≤ 9   INT32, DECIMAL(p, s)
//	              p ≤ 18   INT64, DECIMAL(p, s)
//	              p ≤ 38   FIXED_LEN_BYTE_ARRAY(16), DECIMAL(p, s), big-endian
//	String                 BYTE_ARRAY, STRING
//	Bytes                  BYTE_ARRAY
//	Date                   INT32, DATE
//	Timestamp              INT64, TIMESTAMP(MICROS, isAdjustedToUTC)
//	DateTime               INT64, TIMESTAMP(MICROS, not adjusted to UTC)
//	UUID                   FIXED_LEN_BYTE_ARRAY(16), UUID
//	JSON                   BYTE_ARRAY, JSON; the text as it is
//
// Each column chunk says how many nulls it has, and its smallest and largest
// value, which readers use to skip row groups. Bounds of strings and bytes are
// cut to 64 bytes, the upper one raised so that it stays an upper bound. There
// are no bounds for JSON, none for a chunk with a NaN (databases disagree on
// where NaN sorts), and none for a chunk without a value.
//
// A row group holds at most 131,072 rows and ends when 16 MiB are held for it,
// see [Format]. What a writer needs in memory is that, some pages, and about 100
// bytes of metadata per column and row group for the footer. A file has at most
// 32,767 row groups.
//
// # Atomicity
//
// A file without its footer, which Close writes, is no Parquet file: readers
// refuse it. What was written of it before an error is of no use.
//
// # Errors
//
// A null in a required field, a decimal with more digits than its kind and a date
// beyond 32 bits are a [source.DataError] that names the column. A batch of
// another schema, and an error of the underlying writer, which stays findable
// with errors.Is, end the file; every later call returns the same error.
//
// # Options
//
// [Format] is a plain value and the zero value is ready. Compression is Snappy,
// none, gzip (level 3: the size of the usual level 6 at about twice the speed) or
// zstd (the library's default level, about zstd -3), of each page by itself.
// Readers that do not know the DELTA encodings, Spark before 3.3 among them, want
// NoDelta.
package parquetfmt
