// Package exportyard is the tour of this module; it holds no code. The module
// is an engine that hosts embed to give the people of a tenant their data: a
// request becomes a plan, a plan becomes parts, each part streams rows from a
// source through a format into a sink, and a manifest written last makes the
// whole thing true.
//
// # The rooms
//
// Four contracts say what flows. Each package page is the guide for whoever
// writes an adapter, and each has a suite that holds its rules as tests.
//
//   - [github.com/exportyard/exportyard/source]: the catalog of datasets, and
//     rows in columnar batches. Adapters: slicesource for Go values, sqlsource for
//     any database/sql driver, and pgsource, PostgreSQL's own protocol, as a module
//     of its own. Suite: sourcetest.
//   - [github.com/exportyard/exportyard/format]: rows to bytes, compression, and
//     joining what was compressed apart. Adapters: csvfmt, jsonfmt, parquetfmt,
//     xlsxfmt. Suite: formattest.
//   - [github.com/exportyard/exportyard/sink]: objects that nobody sees before
//     they are whole. Adapters: memsink, filesink, and blobsink as a module of its
//     own. Suite: sinktest.
//   - [github.com/exportyard/exportyard/queue]: the truth about jobs: states,
//     leases, fences, audit and outbox. Adapters: memstore for tests, sqlstore,
//     and riverqueue, which spreads the work over hosts, as modules of their own.
//     Suite: queuetest.
//
// [github.com/exportyard/exportyard/export] is the engine. It is the only room
// that joins the other four, and the one that hosts call. Beside it,
// [github.com/exportyard/exportyard/export/manifest] is what an export leaves behind,
// and proves it years later without the engine, and
// [github.com/exportyard/exportyard/export/notify] takes the events of its outbox to
// webhooks, to people's inboxes and, by mailnotify, a module of its own, to their
// mailboxes. [github.com/exportyard/exportyard/export/auditsource] makes a dataset of
// its audit log, which [github.com/exportyard/exportyard/queue/chain] keeps from being
// altered unseen. What engines do, [github.com/exportyard/exportyard/export/observe]
// tells an observer; otelexport, a module of its own, makes spans and metrics of it.
//
// # The way of an export
//
// A host builds an engine of a source, a store, a sink and some formats, lets its
// Run method work in a goroutine, and calls Request. The engine stores a job with
// one part, which plans: datasets × periods × key ranges become parts that read
// rows. A worker claims a part under a lease with a growing fence, streams it in
// one pass and in constant memory, and commits its object under a key that bears
// the fence, so that two attempts never meet. When every part is sealed, the last
// one asks the store of each object for its size and its bytes, joins what belongs
// to one file, and writes the manifest. Only then is the job completed.
//
// Whatever dies on the way, dies between two steps: the part is claimed again and
// done whole, and what its first attempt left behind is named by nobody and swept.
//
// # Where to start
//
// From a clone, go run ./examples/quickstart makes a database and exports it. The
// README shows the wiring of a host; it is an example that the tests run.
package exportyard
