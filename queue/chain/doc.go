// Package chain makes the audit log of a store one that cannot be altered unseen: each
// audit entry of a tenant is linked to the one before by a keyed hash, and a sealed head
// says where the chain ends.
//
// # What it does
//
// [Keys.Extend] makes the links of new entries, for a store that appends them;
// [Keys.Verify] reads a tenant's log back through a [Reader] and names the first entry
// that is not as it was written, and how: edited, missing, inserted, out of order, or cut
// off at the end. A tenant's chain holds its entries of kind audit; those of the platform,
// whose tenant is empty, have one too.
//
// Verify needs a reader and the keys, not the store that wrote: an auditor can run it in a
// program of their own, on a copy.
//
// # Types and limits
//
// A [Link] is an HMAC-SHA-256 over every field of its entry, its number, the tenant, and
// the link before. Texts and bytes stand with their length, times are whole microseconds.
// A [Head] is the number and the hash of the last link, under a seal that only a key can
// make.
//
// A chain begins when its store gets its first keys. Entries from before have no link and
// stay as they are; [Head.Since], which every link covers, says up to where they go. It is
// 0 for a tenant whose chain begins with its first entry.
//
// Keys are replaced by putting the new one in front: it makes the next links, and the old
// ones still prove theirs. They are needed for as long as their entries are to be proved.
//
// The chain holds against whoever can write to the database and has no key. Three things
// it cannot show by itself. Who has a key can write anything. Who kept an old head with
// its seal can cut the log back to where it was then. Who takes away all links and the head
// makes a log that seems never to have had a chain. The latter two show when heads are kept
// elsewhere, now and then: [Keys.Verify] takes those that are known, and each must still be
// in the chain.
//
// # Atomicity
//
// The functions are pure. A store locks the tenant's head, extends the chain, and writes
// entries, links and head in the transaction of the change, so that a chain never forks,
// and a change that is rolled back leaves no link.
//
// # Errors
//
// Verify returns a [*BrokenError] for a log that is not as it was written, and the reader's
// own errors. A store without keys gives [ErrNoKeys], and so does one that is to append to
// a chain that others with keys have begun: an entry without a link could not be told from
// one that was slipped in. [ErrUnknownKey] says that the head was sealed with a key that
// is not among the store's.
//
// A head whose seal is wrong does not stop the store, which has work to do: the chain goes
// on, and the seal stays wrong for good, so that no later entry covers the trace up.
//
// # Options
//
// [NewKeys] takes the keys. There is nothing else to set.
package chain
