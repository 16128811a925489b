// Package csvfmt writes CSV files.
//
// # What it does
//
// A file is a header row with the field names in the order of the schema and
// one row for each row of data, all ended by CR LF. The [Exact] profile is RFC
// 4180 and changes nothing. The [Excel] profile is for people who open the file
// in a spreadsheet: a byte order mark, a delimiter to choose, and text that a
// spreadsheet would run as a formula is guarded.
//
// # Types and limits
//
// Every kind is held, in the text of [source.AppendText]: all digits of
// integers and decimals, times in ISO 8601, UUIDs with hyphens, JSON verbatim,
// bytes in base64. Floats that are not numbers are NaN, Infinity and -Infinity.
//
// A null is an empty field, an empty text is a pair of quotes: what PostgreSQL's
// COPY … CSV and DuckDB read apart; most other readers see both as empty. Where
// a null is a row's only field the row is an empty line, as in PostgreSQL, and
// readers that skip blank lines miss it.
//
// A field is quoted only when it must be: it holds the delimiter, a quote, CR or
// LF; or it is \. alone, which ends the data for PostgreSQL; or it is the first
// name of the header and would be taken for a byte order mark. Spaces are part
// of a field and are not a reason to quote.
//
// # The guard
//
// A spreadsheet runs as a formula what begins with =, +, - or @, quoted or not.
// The Excel profile therefore puts an apostrophe before every text whose first
// character is one of these, one of their full-width forms, TAB, CR or LF, or
// where such a character follows spaces, quotes, delimiters, byte order marks
// and other characters that do not show; and before every text that begins with
// an apostrophe, so that [Unguard] gives each text back exactly. Text means cells
// of String, JSON and Bytes, the names in the header, and -Infinity, which no
// spreadsheet knows as a number.
//
// Numbers stay numbers, negative ones too. A spreadsheet keeps 15 digits of a
// number and drops the others when it opens the file; the file itself has them
// all. It also reads text that looks like a number or a date as one ("007",
// "1-2"). Whoever reads such a file with a program wants the Exact profile.
//
// The delimiter should be the one that the reader's system takes in lists:
// otherwise the whole row lands in one column, or a text with the other
// delimiter inside is cut there, and the guard was put elsewhere.
//
// # Atomicity
//
// The writer sends whole batches and holds one of them at most. A file without
// Close is cut at a row; the sink does not publish it.
//
// # Errors
//
// A kind that this version does not know, and a delimiter that is not allowed,
// are errors of NewWriter and Blocks. There is no cell that CSV cannot hold.
//
// # Options
//
// The fields of [Format].
package csvfmt
