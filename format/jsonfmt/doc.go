// Package jsonfmt writes JSON: one object a row, either a line each or together
// in a document.
//
// # What it does
//
// [Lines] makes NDJSON: every row is an object on a line of its own, ended by a
// line feed; a file without rows is empty. [Document] makes one JSON value: an
// array of the rows when it holds one dataset, an object with one key for each
// dataset when it holds several. The keys of a row are the field names in the
// order of the schema, and every row has all of them.
//
// # Types and limits
//
// Every kind is held. Int64 and Decimal are JSON numbers with all their digits,
// a decimal with exactly its scale's: JSON sets no limit, and PostgreSQL, Python
// and Java read them whole. JavaScript keeps 53 bits of a number, and DuckDB of one
// with a fraction; for them, WideAsStrings writes both kinds as strings. Floats are
// numbers in the shortest digits that read back equal, minus zero is -0.0; NaN,
// Infinity and -Infinity, which JSON does not have, are strings of these names. A
// null is null. Times (ISO 8601), UUIDs and bytes (base64) are strings, in the text
// of [source.AppendText].
//
// A JSON cell stands in the file as the value that it is, verbatim, except that
// in Lines a line break between its tokens becomes a space. The JSON value null
// cannot be told from a null.
//
// Text is written as it is. Only quotes, backslashes and the characters below
// U+0020 are escaped; <, > and & are not, nor are U+2028 and U+2029, which JSON
// allows: a reader of Lines must cut at line feeds and nothing else.
//
// # Atomicity
//
// The writer sends whole batches and holds one of them at most. A document
// without Close is not valid JSON; lines without Close are whole rows, and the
// sink does not publish them.
//
// # Errors
//
// A kind that this version does not know is an error of NewWriter and Blocks. A
// String that is not UTF-8, which no JSON file can hold, is a
// [source.DataError]; the engine has checked for it before.
//
// # Options
//
// The fields of [Lines] and [Document].
package jsonfmt
