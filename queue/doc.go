// Package queue is the contract between the engine and the place where jobs are
// kept. It holds the rules of their life, and is the guide for whoever writes a
// store.
//
// # Jobs and parts
//
// A [Job] is one export. It is made of parts: the plan, any number of rows
// parts, the seal. A worker claims a part, which gives it a lease and a fence;
// renews the lease while it works; and finishes it. A part is redone whole when
// its worker fails.
//
// # Rules
//
// Which change is allowed in which state, and what it does, is written once, in
// pure functions: [NewJob.Make], [Update.Apply], [Part.Renew], [Part.Cancel],
// [Finish.Apply], [Job.DueKinds], [EntriesIn]; which parts a claim gets, in the package
// queue/fair. A store loads the rows, calls the function,
// writes the result and the entries, and commits; it has no rule of its own. It
// does so that of two changes to one row at the same time the second sees the
// first: by locking, or by comparing the version or fence and starting again.
//
// # Holds
//
// A job can be put on hold, by the event [Hold]: from then on nothing that it stored may be
// removed, until [Unhold]. The store refuses [Retire], [Expire] and [Clean], and lists none
// of them as due. Whoever removes files does so of jobs that are due for it, or that it has
// retired, and of such a job a Hold comes too late: so the row alone decides who was first.
//
// # Schedules
//
// A store may also keep schedules, as a [ScheduleStore]. A [Schedule] is a row with its
// next tick, never a timer. Any number of hosts look for what is due; the one whose
// [Tick] meets the version that it saw takes it, and its job is created in the same
// transaction, so that a tick runs once and never without a trace: each is a [Run] with
// its outcome. The rules are [Schedule.Make], [ScheduleChange.Apply], [Tick.Apply],
// [RunEnd.Apply], [Schedule.Ticks], [Schedule.PastTick], [Schedule.Behind], [Run.Over] and
// [Schedule.EntriesAfter].
//
// # Events
//
// Entries of kind [Outbox] are events. A store may also hand them out until each is
// settled, as an [OutboxStore]: a claim lasts for a while, like a lease, and who settles
// too late changes nothing. And it may show them as people's inboxes, as an [InboxStore].
// The rules are [Delivery.Claimable], [OutboxClaim.Claim] and [Settle.Apply].
//
// # What the engine guarantees
//
// IDs are unique. Fences are only compared by the store. Payloads stay below
// one mebibyte each, and are never read by the store.
//
// # What a store owes
//
// All or nothing for every method, also when the process dies in the middle of
// it. Durability of what it has answered, as its database promises it. At most
// one active job a slot, by a constraint that holds between processes. Its own
// clock: leases, deadlines and expiry go by the store's time, never by a
// worker's. Errors wrap the sentinels of this package where they say so; every
// other error counts as passing trouble. Times come back in UTC, cut to
// microseconds.
//
// # More than it owes
//
// A store whose database the host uses too may be a [TxCreator]: a request is then part of
// the host's own transaction. A store that can give its entries back is an [EntryReader].
// How it makes the audit log one that cannot be altered unseen is in the package
// queue/chain, and how it hands the log on to one of the host's, in queue/feed.
// What an operator may ask over all tenants is in the package queue/operator.
//
// # Testing
//
// queuetest.Run holds the rules of this page as tests. Its harness can move the
// store's clock.
package queue
