// Package format is the contract between the engine and the formats of files,
// and holds what all of them share: compression in blocks and joining. It is
// also the guide for whoever writes a format.
//
// # Four capabilities
//
// Every format is a [Formatter]: rows in, one file out, in constant memory. A
// format whose file is a sequence of rows is also a [BlockFormatter]; the engine
// then encodes and compresses many blocks at once and puts them in order, and a
// file can be joined from segments that different hosts made. A format that holds
// several datasets in one file is a [DocumentFormatter].
//
// A format whose file is an archive with its own compression and an index at the
// end, so that neither bytes around it nor punctuation between segments would do,
// is an [ArchiveFormatter] instead: the engine encodes and deflates blocks of rows
// at once, and an [Archive] puts them in order, be it while they are made or when
// the seal joins the pieces of many parts.
//
// # What the engine guarantees
//
// The schema is valid, has no field twice, and every batch has exactly that
// schema. Strings are UTF-8, JSON cells are one valid JSON value each, dates and
// times lie within the years 1 to 9999: the engine has checked them.
//
// # What a format owes
//
// Every digit of every kind, told apart from null where the format can; what it
// does with NaN, infinities, bytes and nulls is written in its package doc. The
// same rows and options give the same bytes, whatever the number of blocks they
// came in, except for formats that are not BlockFormatters, whose layout may
// follow the batches. No time, no random number, no host name gets into a file.
//
// # One text for every value
//
// Formats of text write values as [source.AppendText] does, so that the same
// cell reads the same in all of them: NaN, Infinity and -Infinity by these
// names, bytes in base64, times in ISO 8601, decimals with their whole scale.
// Where such a text needs quotes, and how a null looks, is the format's own.
//
// # Compression and joining
//
// Each worker compresses its blocks with a [Packer] of its own: blocks do not
// look back at each other, so that they are made on all cores at once. A segment
// that the engine stores is a complete file of its codec in one fixed framing,
// start, blocks, end, which [Joiner] takes apart and puts together again by
// copying byte ranges and combining checksums; nothing is compressed twice. Any
// gzip or zstd reader reads the segments and the joined file alike; a gzip file
// has one member, for readers that stop after the first.
//
// # Testing
//
// formattest.Run holds the rules of this page as tests.
package format
