// Package retention decides which exports of a schedule are kept, and says why.
//
// It is one pure function, [Policy.Decide]: what a dry run shows is what a pass
// does. Two things end a file: its clock, and the counts of daily, weekly and monthly
// exports, which thin out the runs of a schedule. What may never go is settled
// first: an export that is held, one that is not finished and verified, and the newest
// good run of the schedule.
//
// The counts are of days, weeks and months that have a good run, and not of those
// that have passed: a schedule that stood still loses nothing by that, and a clock
// that goes wrong has no say in it. The file clock has the guard of
// [Policy.MaxLeap] instead.
package retention

import (
	"cmp"
	"slices"
	"time"
)

// An Export is one of those to decide about.
type Export struct {
	ID string
	// At is what the export shows: the nominal time of its tick or, of a manual one,
	// when it was asked for. Counts go by it.
	At time.Time
	// FinishedAt is when it was completed. Clocks go by it.
	FinishedAt time.Time
	// Good says that it is completed, verified, and that its files are there. Others do
	// not count and are not decided about: failed ones are cleaned up elsewhere.
	Good bool
	// Manual says that a person asked for it; counts do not touch it.
	Manual bool
	// Pinned says that it is to be kept from the counts, as if it were manual.
	Pinned bool
	// Held says that nothing of it may go, whatever else is said.
	Held bool
}

// A Policy says how long exports are kept.
type Policy struct {
	// Links is how long after its end an export may be downloaded. Default: 0, as
	// long as it is there.
	Links time.Duration
	// Files is how long after its end an export is kept, whatever the counts say.
	// Default: 0, for ever.
	Files time.Duration
	// ExpireNewest lets the file clock take the newest good run of the schedule too.
	// Default: false; it stays until there is a newer one.
	ExpireNewest bool
	// Daily, Weekly and Monthly are of how many days, weeks (from Monday) and months
	// the last good run is kept. Default: 0; when all are 0, counts prune nothing.
	Daily, Weekly, Monthly int
	// Zone is where days begin. Default: nil, UTC.
	Zone *time.Location
	// MaxLeap is how far the time may lie ahead of the newest event that is known. Beyond
	// it the clock is not believed and nothing goes. Default: 0, which means 40 days.
	MaxLeap time.Duration
	// MaxRemovals is how many exports may go in one pass, the oldest first. Default: 0,
	// which means 100.
	MaxRemovals int
}

// An Action is what becomes of an export.
type Action string

// The actions.
const (
	Keep   Action = "keep"
	Expire Action = "expire" // its file clock has run out
	Prune  Action = "prune"  // no count has a place for it
)

// A Reason is why.
type Reason string

// The reasons. One that goes has one reason, one that is kept may have several.
const (
	Held       Reason = "held"
	NotGood    Reason = "not-good"    // nothing to decide: not finished, not verified, or gone
	Newest     Reason = "newest"      // the newest good run of the schedule
	ByHand     Reason = "manual"      // counts do not touch manual and pinned ones
	OfDay      Reason = "daily"       // the last of one of the days that count
	OfWeek     Reason = "weekly"      // the last of one of the weeks that count
	OfMonth    Reason = "monthly"     // the last of one of the months that count
	NoCounts   Reason = "no-counts"   // the policy has none
	NotCounted Reason = "not-counted" // counts have no place for it
	FileClock  Reason = "file-clock"  // it has run out
	ClockLeap  Reason = "clock-leap"  // it would go, but the clock is not believed
	NextPass   Reason = "next-pass"   // it would go, but enough go in this pass
)

// A Verdict is what becomes of one export, and why.
type Verdict struct {
	ID      string
	Action  Action
	Reasons []Reason
	// Links says whether it may be downloaded.
	Links bool
}

// A Decision is the verdicts on all exports, in the order in which they were given.
type Decision struct {
	Verdicts []Verdict
	// Leap is how far the time lies ahead of the newest known event, when that is
	// so far that the clock is not believed. Then nothing goes, and somebody must look.
	Leap time.Duration
}

// Decide says what becomes of the exports of one schedule at a moment. Known is the
// newest moment that something else is known to have happened at, such as the last
// entry of the audit log; zero when nothing is.
func (p Policy) Decide(exports []Export, now, known time.Time) Decision {
	counted := p.counted(exports)
	d := Decision{Verdicts: make([]Verdict, len(exports)), Leap: p.leap(exports, now, known)}
	for i, e := range exports {
		d.Verdicts[i] = p.verdict(e, counted[i], now)
	}
	p.restrain(d, exports, now)
	return d
}

// verdict is what would become of an export if the clock is right, given the
// reasons for which it counts.
func (p Policy) verdict(e Export, counts []Reason, now time.Time) Verdict {
	v := Verdict{ID: e.ID, Action: Keep, Reasons: counts, Links: e.Good && (e.Held || !over(e, p.Links, now))}
	newest := slices.Contains(counts, Newest)
	switch {
	case !e.Good:
		v.Reasons = []Reason{NotGood}
		if e.Held {
			v.Reasons = []Reason{Held, NotGood}
		}
	case e.Held:
		v.Reasons = append([]Reason{Held}, counts...)
	case over(e, p.Files, now) && (p.ExpireNewest || !newest):
		v.Action, v.Reasons, v.Links = Expire, []Reason{FileClock}, false
	case len(counts) == 0:
		v.Action, v.Reasons, v.Links = Prune, []Reason{NotCounted}, false
	}
	return v
}

// over reports whether a clock that was started when the export ended has run out.
func over(e Export, clock time.Duration, now time.Time) bool {
	return clock > 0 && !now.Before(e.FinishedAt.Add(clock))
}

// leap returns how far now lies ahead of everything that is known, if that is too far.
func (p Policy) leap(exports []Export, now, known time.Time) time.Duration {
	newest := known
	for _, e := range exports {
		for _, at := range []time.Time{e.At, e.FinishedAt} {
			if at.After(newest) {
				newest = at
			}
		}
	}
	if newest.IsZero() {
		return 0 // there is nothing that could go
	}
	if ahead := now.Sub(newest); ahead > cmp.Or(p.MaxLeap, 40*24*time.Hour) {
		return ahead
	}
	return 0
}

// restrain keeps what would go when the clock is not believed, and all but the
// oldest when there are many.
func (p Policy) restrain(d Decision, exports []Export, now time.Time) {
	var going []int
	for i, v := range d.Verdicts {
		if v.Action != Keep {
			going = append(going, i)
		}
	}
	slices.SortFunc(going, func(a, b int) int { return older(exports[a], exports[b]) })
	why, allowed := NextPass, max(cmp.Or(p.MaxRemovals, 100), 0)
	if d.Leap > 0 {
		why, allowed = ClockLeap, 0
	}
	for _, i := range going[min(allowed, len(going)):] {
		v := &d.Verdicts[i]
		// What has no place among the counts may be downloaded until it goes; what
		// its clock has ended may not.
		v.Links = v.Action == Prune && !over(exports[i], p.Links, now)
		v.Action, v.Reasons = Keep, []Reason{why}
	}
}

// older orders exports by what they show, of equal ones by their IDs.
func older(a, b Export) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}
