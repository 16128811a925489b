// Package sqlstore keeps jobs in a database through database/sql: in SQLite, the
// embedded default, or in PostgreSQL, for several hosts.
//
// # What it does
//
// A [Store] is a [queue.JobStore], a [queue.ScheduleStore], a [queue.OutboxStore], a
// [queue.InboxStore], a [queue.EntryReader], a [chain.Store], a [feed.Store], an
// [operator.Store] and a [queue.TxCreator] on tables whose names begin with exportyard_. Any
// number of processes may share them. The store takes the *sql.DB that the host opened with
// the driver it likes and brings none.
//
// On SQLite [Open] makes the tables and brings them up to date: the file belongs to one
// host, whose programs come and go together, and whoever embeds a database wants no step
// of setup. On PostgreSQL it only checks them, since the tables are shared by hosts that
// run other versions during a deploy, and the role that serves may not be one that
// changes tables: the host calls [Migrate] when it wants to, or runs what [Migrations]
// prints. Code never uses tables that are older or newer than it knows; the error says
// which of the two and what to do. Any number of hosts may migrate at the same time.
//
// # Types and limits
//
// Times are whole microseconds of the database's clock. Strings may hold any bytes.
//
// SQLite needs to be 3.35 or newer and to have a file: a write-ahead log is turned on,
// which a database in memory cannot have, and a network file system must not. The host's
// clock is SQLite's clock, so the processes that share a file are on one host. The pool
// may be the host's own; on each connection that the store uses, the busy timeout is
// raised to half a second if it is lower, and synchronous is set to FULL. SQLite has one
// writer at a time, and the disk's flush decides how many commits there are in a second.
//
// PostgreSQL needs to be 12 or newer, its database to be in UTF-8. The tables are where
// the connection's search_path points. Bytes that its texts cannot hold (NUL, and what is
// no UTF-8) are written as a sign, U+241B, and two hexadecimal digits. A
// driver that prepares statements by itself needs a pooler that allows it, or is told not
// to. How a commit is flushed is as the server has it: with synchronous_commit off, a
// crash of the server may take back what was answered within the last moments.
//
// On both the pool needs two connections or more. Leases that end at the same time share a
// transaction, so that many parts a second need few commits.
//
// With millions of jobs each statement still reads by an index, no further than its page;
// a claim also looks at the tenants and jobs of which every ready part waits for its time
// and, when it brings a limit for the parts in flight, counts up to that. A list by
// several things at once, kind and actor say, may read all that one of them lets pass.
//
// # Atomicity
//
// Each method is one transaction on a connection of its own, and rolled back on an error,
// a panic, or when its context is done before the commit. A [queue.TxCreator]'s request is
// part of the host's, behind a savepoint. A Finish that shares a transaction and whose
// context is done meanwhile may have happened, as one whose connection broke at the commit.
//
// On SQLite writers begin IMMEDIATE and wait for each other, inside a process in order of
// arrival. A commit is flushed to the disk before it is answered (synchronous FULL): with
// NORMAL a power failure could take back a job that was accepted, or a cancellation.
//
// On PostgreSQL writers lock the job's row, whatever level of isolation the server is set
// to, and then that of its tenant; claims pass by jobs and tenants that others have locked,
// and wait only when they find nothing else. Claims that limit the parts in flight of all
// tenants go one after another, on any host. A transaction that others made fail
// (a deadlock, a failed serialization) is begun again. One that its process leaves alone
// for ten seconds is ended by the server, so that a process that hangs holds no locks.
//
// With [Options.AuditKeys] the audit log of each tenant is a chain, see package chain. Its
// head is in the tenant's row, which each change that appends entries locks anyway: tenants
// do not wait for each other. A store that gets its keys when there are entries begins the
// chain after them. Turn keys on when every process of the store has them and none runs
// older code: who has no keys is refused once a chain has begun, and older code would append
// what the chain takes for a forgery.
//
// On both each change also compares the version or fence that it read.
//
// # Errors
//
// Those that [queue.JobStore] names, the context's own error once it is done, and
// the driver's, wrapped with the name of the method: a lost connection is one of them, and
// passing trouble. A store without the keys of its chain gives [chain.ErrNoKeys] or
// [chain.ErrUnknownKey]. That the database, or a row, is locked is told only after
// [Options.LockWait].
//
// # Options
//
// [Options.Exclusive] takes every lease back at Open, [Options.OmitMigrate] leaves
// SQLite's tables to [Migrate] too, [Options.LockWait] bounds the wait for other writers,
// [Options.Skew] moves the clock in tests. nil means the defaults.
package sqlstore
