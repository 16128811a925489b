// Package auditsource makes a dataset of the audit log, so that a tenant can export it
// like everything else: in every format, for a time range, on a schedule.
//
// # What it does
//
// [New] takes the job store of an engine and gives a [source.Source] of one dataset, which
// the host merges with its own by [source.Merge]. The rows of a tenant are its own audit
// entries, in their order:
//
//	seq     int64      the entry's number, the key; numbers grow and have gaps
//	at      timestamp  when it was written, by the store's clock; the dataset's time
//	tenant  string     the tenant
//	id      string     the entry's ID
//	what    string     what happened: export.requested
//	actor   string     who did it, if anybody; the dataset's subject, personal
//	job     string     the export that it is about, if it is about one
//	data    json       what is known of it, if anything; personal
//	link    int64      its number in the chain, if it has one, see package chain
//
// Whoever has such a file of an earlier day can compare it with the log of today.
//
// # Types and limits
//
// Entries are read page by page, so memory does not grow with the log. A range of time
// costs as much as the whole log, since the order is that of the numbers; a range of keys
// begins at its place. Data that is no JSON is given as a JSON string, and as an object
// with its base64 if it is no text either.
//
// The log grows while it is read, not least by the export that reads it: entries that come
// later than their page are not in the file. What a range that is past gives stays the same.
//
// # Atomicity
//
// Each page is a snapshot of its own. Entries are only ever appended, so that none is
// missing and none comes twice.
//
// # Errors
//
// The store's own, wrapped. A query that cannot be answered gives
// [source.ErrUnsupported], as package slicesource says, which tests the rows.
//
// # Options
//
// [Options] names the dataset. nil means "audit_log".
package auditsource
