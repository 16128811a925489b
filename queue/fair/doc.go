// Package fair decides which parts a claim gets, so that no tenant waits for all the work
// of another. Every store of jobs calls it; it has no state of its own.
//
// # Turns
//
// Tenants take turns: the one whose last claim is longest ago comes first, and each gives
// one part in turn. Within a tenant its jobs do the same, and a job gives its parts in order
// of their numbers. So a tenant with one part waits for one part of each other tenant at
// most, however many parts they have: of n tenants with work, each is among the first n.
//
// # Limits
//
// A claim may bring limits for the parts that are in flight, of a tenant and of all: those
// that are leased, a plan or a seal like any other, also when the lease is over and the
// sweeper has not taken it back yet. They hold for all claims together, in whatever
// process, because the store counts and leases in one transaction. A tenant that has
// reached its limit is passed by. A store holds no limit of its own: each claim is judged
// by those that it brings.
//
// # Suspects
//
// A worker that is alone is given the first suspect before anything else, whosever turn it
// is, since it may be long until a process is alone again. Suspects keep to the limits.
//
// # What a store does
//
// It counts the parts in flight; offers the parts of the first tenants in turn that have
// room, as many of each as [Depth] says; calls [Pick]; and notes that it was the turn of the
// tenants and the jobs that gave something. Two claims at the same time must not count the
// same parts: while a claim goes on, no other leases parts of the tenants that it has
// looked at or, under a limit for all, of any tenant.
package fair
