// Package export is the engine: it takes requests for exports, works on them in
// the background, and hands out what it has proved to be complete.
//
// # The way of an export
//
// [Engine.Request] checks a request against the source's catalog and the
// destination, all problems at once, and stores a job with its plan part. An
// engine that runs ([Engine.Run], here or on another host that shares the store)
// claims the plan part, cuts datasets, periods and key ranges into rows parts, and
// stores them. Each rows part is streamed through its format into one object, a
// segment. When all are sealed, the seal part reads every segment back from the
// store, joins segments into files where one file is asked for, reads those back
// too, and writes the manifest last. Then, and in one transaction, the job is
// completed.
//
// # What holds
//
// A job that says completed has been proved: the rows that were read are the rows
// that were written, and where the source can count, the rows that it has; each
// stored file was read back with the size and SHA-256 that were written. A job
// that is short fails.
//
// Each row is checked against its dataset's tenant column and its part's range of
// time, also when these columns are not exported. A row that does not belong fails
// the part, with an error that names dataset and column and never the data.
//
// A worker may die at any moment. Its parts are taken over when their leases end,
// under a new fence and new keys; parts that were sealed stay sealed. What it left
// behind is in no manifest and is swept away. A part that was lost is run alone
// next, by a worker that takes nothing more until it has come to rest for it.
//
// Where the source gives snapshots, all parts show the one instant at which the
// job was planned, and the manifest names it. The engine that planned holds the
// snapshot until the job ends. When that engine ends first, parts that are left
// show the present data and the manifest says between which moments; or all are
// read again from a new snapshot, see Config.RequireSnapshot.
//
// Nothing here grows with the data: a part holds a fixed number of batches.
//
// # Schedules
//
// With a store that keeps them, [Engine.Schedules] makes, changes and shows standing
// orders: when, of which range, and what of the results is kept. They are rows with a
// next tick, not timers: any number of engines that run share them, and each tick is
// taken once, in the transaction that makes its job. Of the ticks that nobody was there
// to take, the last one is made up for. One that finds its slot taken is skipped and
// says so; a schedule that fails again and again pauses itself and tells its owner. A
// schedule of the platform, of no tenant, says what those that follow it leave empty.
//
// # Retention
//
// An export has a clock from its end on: Config.Keep, the destination's own, or its
// schedule's. Counts of days, weeks and months thin out the runs of a schedule; what
// they let go is gone after the next sweep, the newest good export never is, and
// [Schedules.Retention] tells beforehand. When the store's clock leaps ahead by more
// than 40 days nothing expires until it is right.
//
// # Operators
//
// [Engine.Operator] is the one door across tenants. It shows what is active and what may
// be stuck, puts parts back to work, fails exports, holds them, and purges a tenant that
// leaves. Of an export on hold nothing expires, is pruned, deleted or purged.
//
// # Time
//
// Leases, deadlines and expiry go by the store's clock, so that hosts need not
// agree on the time. Ranges are half-open. Days, weeks and months are those of the
// request's zone, with their 23 and 25 hours; for columns without a zone the wall
// clock's readings are cut as they are.
//
// # Errors
//
// Every method returns an [*Error]. Its Code is for programs, its Message and Hint
// are for people.
package export
