// Package sqlstore keeps jobs in a database through database/sql: SQLite, the
// embedded default.
//
// # What it does
//
// A [Store] is a [queue.JobStore] and a [queue.EntryReader] on tables whose names
// begin with exportyard_. [Open] makes them and brings them up to date; code that
// is older than the tables refuses them. Any number of processes may share the
// file. The store takes the *sql.DB that the host opened with the driver it likes
// and brings none.
//
// # Types and limits
//
// Times are whole microseconds; the host's clock is SQLite's clock, so the processes
// that share a file are on one host. SQLite needs to be 3.35 or newer and to have a
// file: a write-ahead log is turned on, which a database in memory cannot have, and a
// network file system must not. The pool needs two connections or more. It may be the
// host's own; on each connection that the store uses, the busy timeout is raised to half a
// second if it is lower, and synchronous is set to FULL. SQLite has one writer at a
// time; a claim, a renewal and the sealing of a part are a short transaction
// each, so that the disk's flush decides how many there are in a second.
//
// # Atomicity
//
// Each method is one transaction on a connection of its own, and rolled back on an error,
// a panic, or when its context is done before the commit. Writers begin IMMEDIATE and
// wait for each other, inside a process in order of arrival. A commit is flushed
// to the disk before it is answered (synchronous FULL): with NORMAL a power
// failure could take back a job that was accepted, or a cancellation. Each change
// also compares the version or fence that it read.
//
// # Errors
//
// Those that [queue.JobStore] names, the context's own error once it is done, and
// the driver's, wrapped with the name of the method. That the database is locked
// is told only after [Options.LockWait].
//
// # Options
//
// [Options.Exclusive] takes every lease back at Open, [Options.OmitMigrate] leaves
// the tables to [Migrate], [Options.LockWait] bounds the wait for other writers,
// [Options.Skew] moves the clock in tests. nil means the defaults.
package sqlstore
