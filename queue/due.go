package queue

import "time"

// DueKinds returns why the sweeper must look at the job now.
func (j Job) DueKinds(now time.Time) []DueKind {
	var kinds []DueKind
	if j.State.Active() && reached(j.DeadlineAt, now) {
		kinds = append(kinds, DueDeadline)
	}
	if j.allows(Expire, now) {
		kinds = append(kinds, DueExpiry)
	}
	if j.allows(Clean, now) && reached(j.CleanAt, now) {
		kinds = append(kinds, DueCleaning)
	}
	if j.allows(Notice, now) {
		kinds = append(kinds, DueNotice)
	}
	return kinds
}

// LeaseOver reports whether the part is leased and its lease has ended.
func (p Part) LeaseOver(now time.Time) bool {
	return p.State == Leased && !now.Before(p.LeaseUntil)
}

func reached(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// MixDue returns at most limit things, one of each list in turn, so that no
// kind of due things hides another.
func MixDue(limit int, lists ...[]Due) []Due { return TakeTurns(limit, lists...) }

// TakeTurns returns at most limit things, one of each list in turn.
func TakeTurns[T any](limit int, lists ...[]T) []T {
	var mixed []T
	for i := 0; ; i++ {
		given := false
		for _, list := range lists {
			if i >= len(list) {
				continue
			}
			if len(mixed) >= limit {
				return mixed
			}
			mixed = append(mixed, list[i])
			given = true
		}
		if !given {
			return mixed
		}
	}
}
