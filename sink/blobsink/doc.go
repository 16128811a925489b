// Package blobsink keeps objects in a bucket of gocloud.dev: S3 and what speaks
// its protocol, Google Cloud Storage, Azure, a folder, memory.
//
// # What it does
//
// [New] takes a *blob.Bucket that the program has opened, with the credentials
// and the prefix of its choice, and still owns. Content type and filename are
// kept with each object. No blob.Writer is handed out: to close one after an
// error publishes what it has so far.
//
// # Types and limits
//
// Objects that are larger than a part are uploaded in parts. The size of a part
// grows with the size hint, so that a file stays below [Options.MaxParts] parts; one
// that outgrows its hint and reaches the limit fails with a plain error instead
// of after hours at the store's own. Under s3blob each writer holds
// [Options.Concurrency] + 1 parts in memory and another 16 MiB of its beginning.
// [Options.Budget] bounds what all writers hold together; the first 64 KiB of each
// are not counted. As ever in Go, what is resident can be twice what is alive, if
// GOMEMLIMIT does not say less.
//
// Of the drivers, fileblob is for development: it never writes back to the
// disk, and it lists out of order, so that List holds the listing in memory to
// sort it; package filesink is the sink for folders. With its option NoTempDir
// the temporary files of killed processes are found by [Sink.Clean], without it they are
// in the system's folder for temporary files. Keys that look like
// those files are refused on that driver.
//
// # Atomicity
//
// An object appears when the store takes its last request, whole or not at all,
// and only where there is none: Commit asks first, and the request is
// conditional unless [Options.Unconditional] says that the store knows no such
// thing. Then it asks for the object's size, and believes that and not the answer. Without conditions, and under fileblob, writers of one key in
// several processes could replace each other's object in between; those of
// one Sink cannot.
//
// Abort cancels the upload, waits for it to end, and then has [Options.Uploads]
// throw away what the store still keeps of it, with a context of its own. A
// context that is canceled during Commit can come too late for the store; then
// Commit fails and the object is there all the same.
//
// # Errors
//
// A reader whose connection breaks goes on where it was, some times in a row.
// [sink.ErrNotFound], [sink.ErrExists] and [sink.ErrKey] as the contract says;
// [sink.ErrDenied] for what the store calls a lack of permission; [sink.ErrFull] for a
// full disk or quota under fileblob. The driver's error is wrapped beside them;
// of addresses in its text the query is left out, which can hold a signature.
//
// # Options
//
// [Options] sets the parts of an upload and the memory of all of them, the time that
// Abort may take, and how unfinished uploads are found: for S3 and what speaks its protocol, by package
// s3uploads below this one. nil is right for stores that keep none.
package blobsink
