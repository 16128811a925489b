// Package riverqueue spreads work over hosts with River, a queue on PostgreSQL.
//
// # What it does
//
// A [Dispatcher] is a [queue.Permitter]. A job of River's is a permit to claim one part:
// whichever host gets it asks the store, whose fair claim decides which part that is, and
// the permit lasts until that part has ended. River decides how many parts are worked on
// and where, the store decides on which. So a permit carries nothing, and no tenant waits
// behind another's permits.
//
// A ring brings permits until a few wait, and never more than [Options.MaxInFlight] exist.
// Each permit that was good for a part rings, so that their number doubles while there is
// work, and one that has ended brings its successor in the same transaction. A permit that
// finds nothing to claim ends.
//
// A request rings right after its transaction, not within it. The store's transactions are
// database/sql's, through any driver, and River's need pgx: to share one, the store would
// have to hand out what it keeps to itself, and to bind all its hosts to pgx. It would gain
// nothing, since a permit is not about a job: when a process dies between its commit and
// its ring, the next sweep of any host rings. Its ring is also what makes up for permits
// that somebody deleted, and one too many finds nothing to do.
//
// The tables are River's own, in a schema of their own ([Options.Schema]), because every
// client of a schema looks after all jobs in it, and would throw away those of a kind that
// it does not know. The host calls [Migrate] when it wants to, or runs what [Migrations]
// prints; code of an older River works on newer tables as River says it does.
//
// In River's user interface, a paused queue takes nothing more, on any host, until it goes
// on. Canceling a permit there does nothing to its part: exports are canceled with the
// engine, which the store tells every host when it renews its leases.
//
// # Types and limits
//
// PostgreSQL only, through a *pgxpool.Pool that the host opens and closes. A host that works
// keeps one of its connections to listen, and needs at least four. A pooler that gives each
// transaction another connection cannot listen: set [Options.PollOnly].
//
// River gives a job up that runs for too long, but a part may run for hours, and what counts
// is its lease in the store. So a permit has no timeout. Instead its host confirms it four
// times in [Options.Presence], by moving River's attempted_at; a permit that nobody has
// confirmed for that long does not count any more, others take its place, and River, to which
// it then looks stuck, discards it. Whatever became of its part, its lease knows.
//
// # Atomicity
//
// Counting permits and bringing new ones is one transaction behind a lock of PostgreSQL, so
// that their number holds over all hosts. A permit ends in one transaction with what follows
// it. What is between these and the store is not atomic, and need not be: a lost or a doubled
// permit does no harm, because a part is leased under a fence, to one worker.
//
// # Errors
//
// Those of PostgreSQL and River, wrapped with what was tried. All of them are passing
// trouble, for which [queue.Permitter]'s callers try again.
//
// # Options
//
// [Options.MaxInFlight] bounds the parts in work over all hosts, [Options.Presence] says how
// soon a dead host's permits are made up for, [Options.Schema] and [Options.Queue] say where
// they are kept, [Options.PollOnly] does without listening, [Options.Logger] gets what River
// says. nil means the defaults.
package riverqueue
