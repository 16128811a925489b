package queuetest_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A broken store is a good one of which some methods are replaced.
type broken struct {
	*memstore.Store
	create  func(context.Context, queue.NewJob, []queue.Entry) (queue.Job, bool, error)
	get     func(context.Context, string, string) (queue.Job, error)
	list    func(context.Context, queue.ListQuery) ([]queue.Job, string, error)
	parts   func(context.Context, string, string, int, int) ([]queue.Part, error)
	update  func(context.Context, queue.Update, []queue.Entry) (queue.Job, error)
	claim   func(context.Context, queue.Claim) ([]queue.Claimed, error)
	renew   func(context.Context, queue.Renew) ([]queue.Renewed, error)
	finish  func(context.Context, queue.Finish, []queue.Entry) (queue.Job, error)
	due     func(context.Context, int) ([]queue.Due, error)
	entries func(context.Context, string, queue.EntryKind, int64, int) ([]queue.Entry, error)
}

// breakStore returns a broken store that is good so far.
func breakStore(s *memstore.Store) *broken {
	return &broken{
		Store: s, create: s.Create, get: s.Get, list: s.List, parts: s.Parts, update: s.Update,
		claim: s.Claim, renew: s.Renew, finish: s.Finish, due: s.Due, entries: s.Entries,
	}
}

func (b *broken) Create(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
	return b.create(ctx, n, e)
}

func (b *broken) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	return b.get(ctx, tenant, id)
}

func (b *broken) List(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
	return b.list(ctx, q)
}

func (b *broken) Parts(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
	return b.parts(ctx, tenant, job, after, limit)
}

func (b *broken) Update(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
	return b.update(ctx, u, e)
}

func (b *broken) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	return b.claim(ctx, c)
}

func (b *broken) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	return b.renew(ctx, r)
}

func (b *broken) Finish(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
	return b.finish(ctx, f, e)
}

func (b *broken) Due(ctx context.Context, limit int) ([]queue.Due, error) { return b.due(ctx, limit) }

func (b *broken) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	return b.entries(ctx, tenant, kind, after, limit)
}

// held returns the fence under which a part is.
func (b *broken) held(ctx context.Context, tenant, job string, number int) int64 {
	parts, err := b.Store.Parts(ctx, tenant, job, number-1, 1)
	if err != nil || len(parts) == 0 {
		return 0
	}
	return parts[0].Fence
}

// A mutant is a store that breaks one rule, and the rules that find it.
type mutant struct {
	name     string
	caughtBy []string
	damage   func(*broken)
}

var mutants = []mutant{
	{"no unique slot", []string{"R1_OneActiveJobASlot", "R1_SlotsAreIndependent", "SlotHeldWhileRunning", "ConflictStoresNothing"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			slot := n.Slot
			n.Slot = n.ID + n.Slot
			j, existing, err := b.Store.Create(ctx, n, e)
			j.Slot = slot
			return j, existing, err
		}
		b.get = func(ctx context.Context, tenant, id string) (queue.Job, error) {
			j, err := b.Store.Get(ctx, tenant, id)
			j.Slot = strings.TrimPrefix(j.Slot, j.ID)
			return j, err
		}
	}},
	{"slot checked before it is taken, not when", []string{"R1_OneActiveJobASlot"}, func(b *broken) {
		var mu sync.Mutex
		taken := map[string]queue.Job{}
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			mu.Lock()
			active, ok := taken[n.Slot]
			mu.Unlock()
			if ok {
				return queue.Job{}, false, &queue.ConflictError{Active: active}
			}
			runtime.Gosched() // another request looks at the same time
			slot := n.Slot
			n.Slot = n.ID
			j, existing, err := b.Store.Create(ctx, n, e)
			j.Slot = slot
			mu.Lock()
			taken[slot] = j
			mu.Unlock()
			return j, existing, err
		}
	}},
	{"slot of each tenant", []string{"SlotIsHeldOverTenants"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.Slot = n.Tenant + n.Slot
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"slot never freed", []string{"SlotFreed/cancel", "SlotFreed/complete"}, func(b *broken) {
		var mu sync.Mutex
		taken := map[string]queue.Job{}
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if active, ok := taken[n.Slot]; ok {
				return queue.Job{}, false, &queue.ConflictError{Active: active}
			}
			j, existing, err := b.Store.Create(ctx, n, e)
			taken[n.Slot] = j
			return j, existing, err
		}
	}},
	{"conflict without its job", []string{"ConflictNamesTheActiveJob", "R1_OneActiveJobASlot"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			j, existing, err := b.Store.Create(ctx, n, e)
			if errors.Is(err, queue.ErrConflict) {
				err = queue.ErrConflict
			}
			return j, existing, err
		}
	}},
	{"idempotency key ignored", []string{"R2_SameKeySameJob", "R2_SameKeyAtTheSameTime", "R2_KeyComesBeforeTheSlot"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.IdempotencyKey = ""
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"fingerprint ignored", []string{"R2_OtherRequestIsAMismatch"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.Fingerprint = "f"
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"idempotency key of all tenants", []string{"R2_KeyIsTheTenantsOwn"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.Tenant = "acme"
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"entries dropped", []string{"EntriesComeWithTheChange", "R12_CancelOrComplete"}, func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, _ []queue.Entry) (queue.Job, error) {
			return b.Store.Update(ctx, u, nil)
		}
	}},
	{"entries before the change", []string{"NoEntriesOfAFencedFinish", "R6_Zombie", "R6_OneEndOfALease"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			for i := range e {
				e[i].When = ""
			}
			if _, err := b.Store.Update(ctx, queue.Update{}, e); err != nil {
				return queue.Job{}, err
			}
			return b.Store.Finish(ctx, f, nil)
		}
	}},
	{"entries after the change", []string{"NoUpdateWithoutItsEntries"}, func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Update(ctx, u, nil)
			if err == nil {
				_, err = b.Store.Update(ctx, queue.Update{}, e)
			}
			return j, err
		}
	}},
	{"request stored before its entries", []string{"NoCreateWithoutItsEntries"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			j, existing, err := b.Store.Create(ctx, n, nil)
			if err == nil && !existing {
				_, err = b.Store.Update(ctx, queue.Update{}, e)
			}
			return j, existing, err
		}
	}},
	{"conditions of entries ignored", []string{"EntriesWhen"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			for i := range e {
				e[i].When = ""
			}
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"entries of all tenants", []string{"R32_EntriesAreTheTenants"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			for i := range e {
				e[i].Tenant = n.Tenant
			}
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"seq not unique", []string{"R41_SeqGrows"}, func(b *broken) {
		b.entries = func(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
			entries, err := b.Store.Entries(ctx, tenant, kind, after, limit)
			for i := range entries {
				entries[i].Seq = (entries[i].Seq + 1) / 2
			}
			return entries, err
		}
	}},
	{"no fence on finish", []string{"R6_Zombie", "PlanOfALaterFence", "R4_Part/leased-to-another/seal"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Fence = b.held(ctx, f.Tenant, f.Job, f.Number)
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"no fence on renewal", []string{"R6_OldFencesAreLost"}, func(b *broken) {
		b.renew = func(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
			for i, l := range r.Leases {
				r.Leases[i].Fence = b.held(ctx, l.Tenant, l.Job, l.Number)
			}
			return b.Store.Renew(ctx, r)
		}
	}},
	{"lease never ends", []string{"R7_LeaseEndsOnTime", "ClaimGivesALease", "LostLeasesAreDue"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			c.Lease *= 1000
			return b.Store.Claim(ctx, c)
		}
	}},
	{"lease taken back early", []string{"R7_LeaseEndsOnTime", "R4_Part/leased/lease-over", "RenewInTheLastMoment"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			if f.Outcome == queue.LeaseOver {
				l := queue.Lease{Tenant: f.Tenant, Job: f.Job, Number: f.Number, Fence: f.Fence}
				if _, err := b.Store.Renew(ctx, queue.Renew{Leases: []queue.Lease{l}}); err != nil {
					return queue.Job{}, err
				}
			}
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"renewals do not prolong", []string{"RenewProlongs", "RenewedIsNotDue"}, func(b *broken) {
		b.renew = func(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
			answers := make([]queue.Renewed, len(r.Leases))
			for i, l := range r.Leases {
				j, err := b.Store.Get(ctx, l.Tenant, l.Job)
				answers[i] = queue.Renewed{Lost: err != nil, JobState: j.State}
			}
			return answers, nil
		}
	}},
	{"renewals do not tell of a cancel", []string{"R12_CancelRidesOnRenewals"}, func(b *broken) {
		b.renew = func(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
			answers, err := b.Store.Renew(ctx, r)
			for i := range answers {
				answers[i] = queue.Renewed{JobState: queue.Running}
			}
			return answers, err
		}
	}},
	{"two workers get one part", []string{"EachPartToOneWorker", "ClaimKeepsItsLimit"}, func(b *broken) {
		var mu sync.Mutex
		var last []queue.Claimed
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			mu.Lock()
			defer mu.Unlock()
			if given := last; given != nil {
				last = nil
				return given, nil
			}
			got, err := b.Store.Claim(ctx, c)
			last = got
			return got, err
		}
	}},
	{"seal claimable early", []string{"SealComesLast", "SealWaitsForRetries"}, func(b *broken) {
		jobs := map[string]string{}
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			jobs[n.ID] = n.Tenant
			return b.Store.Create(ctx, n, e)
		}
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			got, err := b.Store.Claim(ctx, c)
			if err != nil || len(got) > 0 {
				return got, err
			}
			for id, tenant := range jobs {
				parts, err := b.Store.Parts(ctx, tenant, id, -1, 1000)
				if err != nil {
					return nil, err
				}
				j, err := b.Store.Get(ctx, tenant, id)
				if last := parts[len(parts)-1]; err == nil && last.State == queue.Ready {
					return []queue.Claimed{{Job: j, Part: last}}, nil
				}
			}
			return nil, nil
		}
	}},
	{"one job first", []string{"R45_JobsTakeTurns", "R45_LongestWaitingFirst"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			all, err := b.Store.Claim(ctx, queue.Claim{Worker: c.Worker, Limit: 1000, Lease: c.Lease})
			slices.SortStableFunc(all, func(x, y queue.Claimed) int { return strings.Compare(x.Job.ID, y.Job.ID) })
			for i := c.Limit; i < len(all); i++ {
				p := all[i].Part
				f := queue.Finish{Tenant: p.Tenant, Job: p.Job, Number: p.Number, Fence: p.Fence, Outcome: queue.Release}
				if _, err := b.Store.Finish(ctx, f, nil); err != nil {
					return nil, err
				}
			}
			return all[:min(c.Limit, len(all))], err
		}
	}},
	{"suspects for everyone", []string{"SuspectOnlyAlone", "OthersPassSuspects"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			c.Alone = true
			return b.Store.Claim(ctx, c)
		}
	}},
	{"others beside a suspect", []string{"SuspectNothingBeside"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			got, err := b.Store.Claim(ctx, c)
			if err != nil || len(got) != 1 || c.Limit == 1 {
				return got, err
			}
			more, err := b.Store.Claim(ctx, queue.Claim{Worker: c.Worker, Limit: c.Limit - 1, Lease: c.Lease})
			return append(got, more...), err
		}
	}},
	{"suspects never given", []string{"SuspectOnlyAlone", "SuspectsComeFirst"}, func(b *broken) {
		b.claim = func(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
			c.Alone = false
			return b.Store.Claim(ctx, c)
		}
	}},
	{"crashes not counted", []string{"R9_CrashesAloneFailTheJob"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.MaxCrashes = math.MaxInt
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"releases count", []string{"R9_ReleasesCountNothing", "ReleaseGivesBack", "ReleaseMayWait"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			if f.Outcome == queue.Release {
				f.Outcome = queue.Retry
			}
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"no delay before a retry", []string{"RetryWaits", "SealWaitsForRetries", "SuspectWaitsForItsTime"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Delay = 0
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"plan cut at 1,000 parts", []string{"LargePlan"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Planned = f.Planned[:min(1000, len(f.Planned))]
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"get of any tenant", []string{"R32_GetIsTheTenants"}, func(b *broken) {
		owners := b.owners()
		b.get = func(ctx context.Context, _, id string) (queue.Job, error) { return b.Store.Get(ctx, owners(id), id) }
	}},
	{"parts of any tenant", []string{"R32_PartsAreTheTenants"}, func(b *broken) {
		owners := b.owners()
		b.parts = func(ctx context.Context, _, job string, after, limit int) ([]queue.Part, error) {
			return b.Store.Parts(ctx, owners(job), job, after, limit)
		}
	}},
	{"update of any tenant", []string{"R32_UpdateIsTheTenants"}, func(b *broken) {
		owners := b.owners()
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			u.Tenant = owners(u.Job)
			return b.Store.Update(ctx, u, e)
		}
	}},
	{"finish of any tenant", []string{"R32_FinishIsTheTenants"}, func(b *broken) {
		owners := b.owners()
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Tenant = owners(f.Job)
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"renewal of any tenant", []string{"R32_RenewIsTheTenants"}, func(b *broken) {
		owners := b.owners()
		b.renew = func(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
			for i, l := range r.Leases {
				r.Leases[i].Tenant = owners(l.Job)
			}
			return b.Store.Renew(ctx, r)
		}
	}},
	{"oldest first", []string{"ListIsNewestFirst", "PagesAreStable", "ListFilters"}, func(b *broken) {
		b.list = func(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
			jobs, next, err := b.Store.List(ctx, q)
			slices.Reverse(jobs)
			return jobs, next, err
		}
	}},
	{"pages by offset", []string{"PagesAreStable"}, func(b *broken) {
		offset := 0
		b.list = func(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
			page := q
			page.After, page.Limit = "", 1000
			jobs, _, err := b.Store.List(ctx, page)
			if q.After == "" {
				offset = 0
			}
			from := min(offset, len(jobs))
			offset += q.PageSize()
			if offset >= len(jobs) {
				return jobs[from:], "", err
			}
			return jobs[from:offset], "more", err
		}
	}},
	{"bad cursor is the first page", []string{"CursorsAreChecked"}, func(b *broken) {
		b.list = func(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
			jobs, next, err := b.Store.List(ctx, q)
			if errors.Is(err, queue.ErrCursor) {
				q.After = ""
				return b.Store.List(ctx, q)
			}
			return jobs, next, err
		}
	}},
	{"filters ignored", []string{"ListFilters", "FilteredPagesTile"}, func(b *broken) {
		b.list = func(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
			return b.Store.List(ctx, queue.ListQuery{Tenant: q.Tenant, Limit: q.Limit, After: q.After})
		}
	}},
	{"the last writer wins", []string{"R12_CancelOrComplete", "R4_Job/completed/cancel", "NoEntriesOfARefusedUpdate"}, func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Update(ctx, u, e)
			if errors.Is(err, queue.ErrBadTransition) {
				_, err = b.Store.Update(ctx, queue.Update{}, e)
			}
			return j, err
		}
	}},
	{"deadlines not seen", []string{"R13_DeadlineIsDue", "LongestDueFirst"}, dueWithout(queue.DueDeadline)},
	{"expiries not seen", []string{"R31_ExpiryIsDue"}, dueWithout(queue.DueExpiry)},
	{"cleanings not seen", []string{"CleaningIsDue"}, dueWithout(queue.DueCleaning)},
	{"lost leases not seen", []string{"LostLeasesAreDue", "R7_LeaseEndsOnTime"}, dueWithout(queue.DueLease)},
	{"one kind hides the others", []string{"NoKindHidesAnother"}, func(b *broken) {
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			all, err := b.Store.Due(ctx, 1000)
			slices.SortStableFunc(all, func(x, y queue.Due) int { return strings.Compare(string(x.Kind), string(y.Kind)) })
			return all[:min(limit, len(all))], err
		}
	}},
	{"due without a limit", []string{"DueKeepsItsLimit"}, func(b *broken) {
		b.due = func(ctx context.Context, _ int) ([]queue.Due, error) { return b.Store.Due(ctx, 1000) }
	}},
	{"text for bytes", []string{"PayloadsAreVerbatim"}, func(b *broken) {
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.Request.Data = bytes.ToValidUTF8(n.Request.Data, []byte("?"))
			return b.Store.Create(ctx, n, e)
		}
	}},
	{"times in seconds", []string{"ClaimGivesALease", "RetryWaits"}, func(b *broken) {
		b.parts = func(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
			parts, err := b.Store.Parts(ctx, tenant, job, after, limit)
			for i := range parts {
				parts[i].LeaseUntil = parts[i].LeaseUntil.Truncate(time.Second)
				parts[i].NotBefore = parts[i].NotBefore.Truncate(time.Second)
			}
			return parts, err
		}
	}},
	{"slices shared with the caller", []string{"SlicesAreTheCallers"}, func(b *broken) {
		shared := map[string][]byte{}
		b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			shared[n.ID] = n.Request.Data
			return b.Store.Create(ctx, n, e)
		}
		b.get = func(ctx context.Context, tenant, id string) (queue.Job, error) {
			j, err := b.Store.Get(ctx, tenant, id)
			j.Request.Data = shared[id]
			return j, err
		}
	}},
	{"progress of ended leases", []string{"ProgressIsSeen"}, func(b *broken) {
		most := map[string]int64{}
		b.get = func(ctx context.Context, tenant, id string) (queue.Job, error) {
			j, err := b.Store.Get(ctx, tenant, id)
			most[id] = max(most[id], j.Rows)
			j.Rows = most[id]
			return j, err
		}
	}},
	{"context ignored", []string{"CanceledContextChangesNothing"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			return b.Store.Finish(context.WithoutCancel(ctx), f, e)
		}
	}},
	{"forgets at a restart", []string{"ReopenedIsTheSame"}, func(*broken) {}},
}

// owners notes whose job is whose.
func (b *broken) owners() func(id string) string {
	owners := map[string]string{}
	b.create = func(ctx context.Context, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
		owners[n.ID] = n.Tenant
		return b.Store.Create(ctx, n, e)
	}
	return func(id string) string { return owners[id] }
}

func dueWithout(kind queue.DueKind) func(*broken) {
	return func(b *broken) {
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			due, err := b.Store.Due(ctx, limit)
			return slices.DeleteFunc(due, func(d queue.Due) bool { return d.Kind == kind }), err
		}
	}
}

func harness(damage func(*broken)) queuetest.Harness {
	return harnessOf(func(s *memstore.Store) *broken {
		b := breakStore(s)
		damage(b)
		return b
	})
}

func TestR14_BrokenStoresAreCaught(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(mutants), 10)
	for _, m := range slices.Concat(mutants, fairMutants) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, harness(m.damage)), "rule %s passed", rule)
			}
		})
	}
}

// A store that is wrapped but not damaged must not be complained of.
func TestR14_GoodStoreIsNotComplainedOf(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(mutants, fairMutants) {
		for _, rule := range m.caughtBy {
			if rule != "ReopenedIsTheSame" {
				require.Empty(t, queuetest.Check(t, rule, harness(func(*broken) {})), rule)
			}
		}
	}
}

// What a store is not is no fault of it.
func TestR14_PlainStoreIsNotComplainedOf(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"ScheduleAsMade", "OutboxGivesEachEvent", "InboxNewestFirst", "InboxIsNotDelivery", "GaugesOfNothing"} {
		h := harness(func(*broken) {})
		h.Store = struct{ queue.JobStore }{h.Store}
		require.Empty(t, queuetest.Check(t, rule, h), rule)
	}
}

func TestR14_EnoughRulesWithReasons(t *testing.T) {
	t.Parallel()
	reasons := queuetest.Rules()
	require.GreaterOrEqual(t, len(reasons), 60)
	for rule, reason := range reasons {
		require.NotEmpty(t, reason, rule)
	}
}
