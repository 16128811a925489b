// Package source is the contract between the engine and the places where rows
// come from. It is also the guide for whoever writes a source.
//
// # The way of a row
//
// The engine asks [Source.Datasets] for a tenant's catalog, plans [Query]
// values from it, and for each calls [Source.Open] and then [Reader.Read] until
// io.EOF. A reader fills a [Batch]: one [Vector] a column, typed, with a bitmap
// of nulls. The engine owns the batch and uses it again; a reader copies into
// it and keeps nothing of it. Nothing on this way is an interface value or an
// allocation per cell or per row.
//
// # What the engine guarantees
//
// A query names only datasets and columns of the catalog, and asks for no
// column twice. From is before To. Bounds on the key are given only for a
// dataset with a key, and filter values can be read by [ParseText] for the
// column's kind. Read is called with an empty batch of the right schema, from
// one goroutine, and Close is always called.
//
// # What a source owes
//
// Exactly the rows asked for, each once, of this tenant alone, in the same
// order every time; a dataset with a key in the key's order. Every digit: a
// value that does not fit its kind is a [DataError], never a changed value. A
// source that cannot restrict rows as asked returns [ErrUnsupported]. When ctx
// is canceled Read returns soon, with ctx's error. Text of errors has neither
// credentials nor row data in it.
//
// The engine checks what it can: the tenant and the time of every row, UTF-8,
// JSON, the ranges of dates. It fails the part when a check does; it never
// repairs.
//
// # Growing
//
// What only some sources can do is an interface of its own: [CountedReader],
// [RawReader], [Counter], [Splitter], [Spanner], [Snapshotter]. [Count], [RawOf],
// [SplitRows], [TimeSpan] and [SnapshotOf] use it or say what to do without. A
// source that wraps another passes these on, as [Merge] does, which makes one
// catalog of several sources.
//
// # Testing
//
// sourcetest.Run holds the rules of this page as tests. An adapter's own test
// calls it with a harness that can put rows in.
package source
