package observe

import "time"

// A Sweep looks at what is due: expired leases, deadlines, expiry, cleaning.
type Sweep struct{}

// SweepEnded ends a [Sweep].
type SweepEnded struct {
	Duration time.Duration
	// Settled and Failed count the due things that were done, and those that are to
	// be tried again by the next sweep. A sweep that was told to stop has an Err only.
	Settled, Failed int
	// Err joins what failed; its text is for logs.
	Err error
	// Removed is what lay at destinations and was named by no manifest, and is gone;
	// Stuck what the sweep could not remove.
	Removed, Stuck Orphans
	// Gauges is what the store said afterwards; nil when it was not asked or did
	// not answer.
	Gauges *Gauges
}

// Orphans are objects that no manifest names: what attempts have left behind.
type Orphans struct {
	Objects int
	Bytes   int64
}

// Plus returns the sum.
func (o Orphans) Plus(other Orphans) Orphans {
	return Orphans{Objects: o.Objects + other.Objects, Bytes: o.Bytes + other.Bytes}
}

// Minus returns the difference.
func (o Orphans) Minus(other Orphans) Orphans {
	return Orphans{Objects: o.Objects - other.Objects, Bytes: o.Bytes - other.Bytes}
}

// Gauges are how things stand in the store, for all tenants. Ages are by the store's
// own clock, 0 when there is nothing.
type Gauges struct {
	// Counted says that the store knows all of them; without it only Outbox counts.
	Counted bool
	// ExpiredLease is for how long the part that waits longest has been without a
	// worker after its lease ended. More than a few sweeps: nobody sweeps.
	ExpiredLease time.Duration
	// Pending is the age of the oldest export that no worker has planned yet.
	Pending time.Duration
	// Outbox is the age of the oldest event that is not delivered; -1 when the store
	// does not say.
	Outbox time.Duration
	// Jobs is how many exports are active, Ready how many parts wait for a worker, or for
	// their time, and Leased how many are in work; each up to 10,000 and no further.
	Jobs, Ready, Leased int
}

func (Sweep) operation()  {}
func (SweepEnded) event() {}
