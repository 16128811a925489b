// Package memstore keeps jobs in memory, for tests and for programs whose
// exports need not outlive them.
//
// # What it does
//
// A [Store] is a [queue.JobStore], a [queue.ScheduleStore], a [queue.OutboxStore], a
// [queue.InboxStore], a [queue.EntryReader], a [chain.Store], a [feed.Store] and an
// [operator.Store] of maps behind one lock. It follows every rule that the stores on
// databases follow, so a test against it says something about them.
//
// # Types and limits
//
// Payloads are copied on the way in and out. Nothing is removed but what is forgotten: a
// job costs its payloads, and a few hundred bytes for each of its parts and entries. A claim
// looks at every active job and at the open parts of those that it takes from, the
// scheduler at every schedule.
//
// # Atomicity
//
// Each method holds the lock from its first look to its last write and checks
// everything before it changes anything. Nothing survives the process.
//
// # Errors
//
// Those that [queue.JobStore] names, the context's own error once it is done, and
// one for an ID, of a job or an entry, that is there already.
//
// # Options
//
// [Options] sets the clock and the keys of the audit log. nil means the system's, and none.
package memstore
