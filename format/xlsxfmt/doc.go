// Package xlsxfmt writes XLSX workbooks, the files of Excel, in constant memory and
// straight through: nothing is written twice, sought or kept on disk.
//
// # What it does
//
// A workbook has a sheet for each dataset: a row of the field names, bold and
// frozen, and a row for each row of data. A sheet that is full, at 1,048,576 rows
// with its header, is continued on another one with the same header, "runs (2)". So
// is one whose markup would pass 4 GB, which keeps every entry of the ZIP within
// what all readers know; the file itself may be larger, as ZIP64.
//
// Names of sheets are made legal: at most 31 characters, _ for : \ / ? * [ ] and
// control characters and for an apostrophe at either end, not blank, not History;
// and each its own, whatever the case of its letters, by a number behind it.
//
// Texts stand in their cells and not in a table of shared strings, and cells and
// rows have no addresses, which the standard leaves to the writer. So rows can be
// encoded and deflated on all cores and by several hosts, and be put together by
// copying. Measured on 20,000 rows of usage data (15 columns, 3.1 strings a row
// that were not there before): deflated they take 119 bytes a row in place and 121
// with shared strings, whose table alone is 205 bytes of memory a row, and making
// it takes seven times the CPU of making the rows (5.6 against 0.8 µs). The tests
// read the files with LibreOffice and excelize; Excel, Google Sheets and SheetJS
// take sheets without addresses too, exceljs 4.4 does not.
//
// # Types and limits
//
//	Bool       a bool
//	Int64      a number from -2^53 to 2^53, else a text
//	Decimal    a number with the scale's digits shown; a text when it has more than
//	           15 digits from the first that is not zero, zeros at the end of the
//	           fraction left out
//	Float64    a number; NaN, Infinity, -Infinity and what is closer to zero than
//	           2.2250738585072014e-308, which Excel takes for zero, are texts
//	Date       a date, shown as 2006-01-02
//	Timestamp  a time, shown as 2006-01-02 15:04:05Z, with .000 when it has a
//	           fraction of a second
//	DateTime   the same without the Z
//	String     a text
//	JSON       its text as it is
//	UUID       a text with hyphens
//	Bytes      a text, base64
//	null       an empty cell; an empty String is a cell with an empty text
//
// Where a cell is a text for a number's or a time's sake, it is that of
// [source.AppendText], so that no digit is lost. Dates and times are texts before
// 1900-03-01, where calendars of spreadsheets differ and end, and from 2079-06-05 on
// if they have digits below a millisecond: up to then the number of a cell, read to
// the nearest microsecond, is the time it was made of; from then on read to the
// nearest millisecond. Spreadsheets show 15 digits of a number and milliseconds of a
// time, whatever the cell has.
//
// There is never a formula in a file. A text that begins with =, +, -, @, a tab, a
// carriage return or a digit has the number format Text, so that it stays what it is
// when somebody edits its cell. Characters that XML cannot hold are written as
// _xHHHH_, and so is the underscore of a text that looks like this; programs that
// read XLSX by the standard give both back. White space is kept.
//
// A cell holds 32,767 characters, counted in UTF-16, and a sheet 16,384 columns.
// Booleans become the formulas =TRUE() and =FALSE() in LibreOffice's own memory, for
// want of a type; in the file they are values.
//
// # Atomicity
//
// The list of sheets and the directory of the ZIP stand at the end, so that a file
// without Close is refused by every reader. Bytes do not depend on the number of
// workers; those of NewWriter not on batches either, while an archive starts a new
// sheet and a new deflate block only between the blocks that it gets.
//
// # Errors
//
// A field of a kind that this version does not know, the 16,385th field, and a field
// name that a cell cannot hold are errors of NewWriter, Rows and Dataset that name
// the field. A text that is too long for a cell is a [source.DataError] that names
// the column. An error of the underlying writer stays findable with errors.Is. Every
// later call returns the first error.
//
// # Options
//
// The fields of [Format]. Deflate is at its fastest level, see
// [format.ArchiveLevel]; the engine puts no codec around the files.
package xlsxfmt
