package chain

import (
	"errors"
	"fmt"
)

// ErrNoKeys is wrapped when a store has no keys and a chain is asked for, or is to be
// extended. The host gives the store its keys.
var ErrNoKeys = errors.New("the store has no keys for the audit log")

// ErrUnknownKey is wrapped when a head was sealed with a key that is not among those
// given. The host gives it too, as an older one.
var ErrUnknownKey = errors.New("the key is not among those given")

// A Fault is what is wrong with an entry of a log.
type Fault string

// The faults. Who may write to the database can make one look like another; that there is
// one, they cannot hide.
const (
	Edited     Fault = "edited"       // it is not what was written
	Missing    Fault = "missing"      // it was taken away
	Inserted   Fault = "inserted"     // it was never written
	OutOfOrder Fault = "out of order" // it stands before one that was written earlier
	Cut        Fault = "cut"          // it and all after it were taken away
	Unanchored Fault = "unanchored"   // the head is not the one that was written
)

// A BrokenError names the first entry of a tenant's log that is not as it was written.
type BrokenError struct {
	Tenant string
	Fault  Fault
	// Number is the place in the chain, from 1.
	Number int64
	// Seq and Entry are the number and the ID of the entry that stands there. They are
	// zero when none does.
	Seq   int64
	Entry string
}

// Error names the entry and the fault.
func (e *BrokenError) Error() string {
	what := fmt.Sprintf("entry %d", e.Number)
	if e.Entry != "" {
		what += fmt.Sprintf(" (%s, number %d of all)", e.Entry, e.Seq)
	}
	return fmt.Sprintf("chain: audit log of tenant %q: %s: %s", e.Tenant, what, e.Fault)
}
