package queuetest

import (
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var tenantRules = []rule{
	{"R32_GetIsTheTenants", "another tenant's job is not found", strangers(func(s *site, j queue.Job) error {
		_, err := s.Store.Get(s.ctx, j.Tenant, j.ID)
		return err
	})},
	{"R32_PartsAreTheTenants", "another tenant's parts are not found", strangers(func(s *site, j queue.Job) error {
		_, err := s.Store.Parts(s.ctx, j.Tenant, j.ID, -1, 10)
		return err
	})},
	{"R32_UpdateIsTheTenants", "another tenant's job cannot be changed", strangers(func(s *site, j queue.Job) error {
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{s.entry("")})
		return err
	})},
	{"R32_FinishIsTheTenants", "another tenant's lease cannot be ended", strangers(func(s *site, j queue.Job) error {
		f := queue.Finish{Tenant: j.Tenant, Job: j.ID, Number: 1, Fence: 1, Outcome: queue.Refuse}
		_, err := s.Store.Finish(s.ctx, f, []queue.Entry{s.entry("")})
		return err
	})},
	{"R32_RenewIsTheTenants", "another tenant's lease is lost and does not tell how its job stands", strangers(func(s *site, j queue.Job) error {
		got := s.renew(queue.Lease{Tenant: j.Tenant, Job: j.ID, Number: 1, Fence: 1, Rows: 5})
		if got.Lost && got.JobState == "" {
			return fmt.Errorf("renew: %w", queue.ErrNotFound)
		}
		return nil
	})},
	{"R32_ListIsTheTenants", "a list has the tenant's own jobs only", func(s *site) {
		s.pending()
		n := s.draft()
		n.Tenant = "other"
		theirs := s.create(n)
		jobs, next, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: "other"})
		s.noError(err, "list")
		equal(s, ids(jobs), []string{theirs.ID}, "the list")
		equal(s, next, "", "the cursor")
	}},
	{"R32_EntriesAreTheTenants", "entries are read by the tenant that they were written for", func(s *site) {
		mine, theirs := s.entry(""), s.entry("")
		theirs.Tenant = "other"
		s.create(s.draft(), mine, theirs)
		equal(s, s.written(), []string{mine.ID}, "the entries")
	}},
	{"UnknownJobIsNotFound", "what was never created is not found", func(s *site) {
		_, err := s.Store.Get(s.ctx, tenant, "nothing")
		s.wantError(err, queue.ErrNotFound, "get")
		_, err = s.Store.Parts(s.ctx, tenant, "nothing", -1, 10)
		s.wantError(err, queue.ErrNotFound, "parts")
		_, err = s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: "nothing", Event: queue.Cancel}, nil)
		s.wantError(err, queue.ErrNotFound, "update")
		_, err = s.Store.Finish(s.ctx, queue.Finish{Tenant: tenant, Job: "nothing", Outcome: queue.Seal}, nil)
		s.wantError(err, queue.ErrNotFound, "finish")
	}},
}

// strangers lets another tenant try something with a job that has a leased part.
func strangers(try func(*site, queue.Job) error) func(*site) {
	return func(s *site) {
		j := s.running(2)
		s.claimOf(j.ID)
		was := s.view(j)
		theirs := j
		theirs.Tenant = "other"
		s.wantError(try(s, theirs), queue.ErrNotFound, "another tenant")
		s.unchanged(was, "another tenant")
	}
}

var listRules = []rule{
	{"ListIsNewestFirst", "the job created last comes first, also among equal times", func(s *site) {
		var want []string
		for range 10 {
			want = append([]string{s.pending().ID}, want...)
		}
		jobs, next, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: tenant})
		s.noError(err, "list")
		equal(s, ids(jobs), want, "the list")
		equal(s, next, "", "the cursor")
	}},
	{"ListGivesJobsAsGetDoes", "a listed job is the whole job", func(s *site) {
		j := s.running(1)
		s.renew(leaseOf(s.claimOf(j.ID), 5, 50))
		jobs, _, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: tenant})
		s.noError(err, "list")
		equal(s, len(jobs), 1, "the number of jobs")
		s.same(jobs[0], s.get(j), "the listed job")
	}},
	{"PagesTile", "pages have every job once, and each but the last is full", func(s *site) {
		want := map[string]bool{}
		for range 23 {
			want[s.pending().ID] = true
		}
		q := queue.ListQuery{Tenant: tenant, Limit: 5}
		for pages := 1; ; pages++ {
			jobs, next := s.page(q)
			for _, j := range jobs {
				if !want[j.ID] {
					s.Fatalf("job %s came twice", j.ID)
				}
				delete(want, j.ID)
			}
			if next == "" {
				equal(s, pages, 5, "the number of pages")
				break
			}
			equal(s, len(jobs), 5, "the size of a page")
			q.After = next
		}
		equal(s, len(want), 0, "the number of jobs that no page had")
	}},
	{"PagesAreStable", "a job that is created or changed between two pages moves no other", func(s *site) {
		var made []string
		for range 6 {
			made = append(made, s.pending().ID)
		}
		first, next := s.page(queue.ListQuery{Tenant: tenant, Limit: 3})
		s.pending()
		s.update(first[0], queue.Cancel)
		second, _ := s.page(queue.ListQuery{Tenant: tenant, Limit: 3, After: next})
		equal(s, ids(second), []string{made[2], made[1], made[0]}, "the second page")
	}},
	{"FullLastPageHasNoCursor", "the cursor is empty when the page is the last, also when it is full", func(s *site) {
		s.pending()
		s.pending()
		_, next := s.page(queue.ListQuery{Tenant: tenant, Limit: 2})
		equal(s, next, "", "the cursor")
	}},
	{"ListFilters", "states, kind and actor restrict a list, alone and together", func(s *site) {
		n := s.draft()
		n.Kind, n.Actor = "snapshot", "bob"
		bobs := s.create(n)
		done := s.pending()
		s.update(done, queue.Cancel)
		open := s.pending()
		for _, c := range []struct {
			name string
			q    queue.ListQuery
			want []string
		}{
			{"state", queue.ListQuery{States: []queue.State{queue.Canceled}}, []string{done.ID}},
			{"states", queue.ListQuery{States: []queue.State{queue.Canceled, queue.Pending}}, []string{open.ID, done.ID, bobs.ID}},
			{"kind", queue.ListQuery{Kind: "snapshot"}, []string{bobs.ID}},
			{"actor", queue.ListQuery{Actor: "ann"}, []string{open.ID, done.ID}},
			{"all", queue.ListQuery{Actor: "ann", Kind: "archive", States: []queue.State{queue.Pending}}, []string{open.ID}},
			{"none", queue.ListQuery{Actor: "bob", Kind: "archive"}, []string{}},
		} {
			c.q.Tenant = tenant
			jobs, _ := s.page(c.q)
			equal(s, ids(jobs), c.want, "the list by "+c.name)
		}
	}},
	{"FilteredPagesTile", "pages of a filtered list have every job once", func(s *site) {
		var want, got []string
		for i := range 12 {
			n := s.draft()
			n.Kind = []string{"odd", "even"}[i%2]
			if j := s.create(n); j.Kind == "even" {
				want = append([]string{j.ID}, want...)
			}
		}
		q := queue.ListQuery{Tenant: tenant, Kind: "even", Limit: 4}
		for more := true; more; more = q.After != "" {
			jobs, next := s.page(q)
			got, q.After = append(got, ids(jobs)...), next
		}
		equal(s, got, want, "the pages")
	}},
	{"ListLimits", "a page has 50 jobs unless asked otherwise", func(s *site) {
		for range 51 {
			s.pending()
		}
		jobs, next := s.page(queue.ListQuery{Tenant: tenant})
		equal(s, len(jobs), 50, "the size of a page")
		if next == "" {
			s.Fatalf("there is no cursor to the last job")
		}
	}},
	{"CursorsAreChecked", "a cursor that was altered, or is another tenant's, is an error that says so", func(s *site) {
		for range 3 {
			s.pending()
		}
		_, next := s.page(queue.ListQuery{Tenant: tenant, Limit: 1})
		bad := []string{"x", "%%%", next + "A", next[1:], "AAAA" + next}
		for i := range next {
			altered := []byte(next)
			altered[i] ^= 1
			bad = append(bad, string(altered))
		}
		for _, cursor := range bad {
			_, _, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: tenant, After: cursor})
			s.wantError(err, queue.ErrCursor, "cursor "+cursor)
		}
		_, _, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: "other", After: next})
		s.wantError(err, queue.ErrCursor, "another tenant's cursor")
	}},
	{"PartsComeInPages", "parts come in ascending order, those above after, at most limit", func(s *site) {
		j := s.running(7)
		for _, c := range []struct {
			after, limit int
			want         []int
		}{
			{-1, 3, []int{0, 1, 2}}, {2, 3, []int{3, 4, 5}}, {5, 30, []int{6, 7, 8}}, {8, 3, []int{}}, {-1, 0, []int{}},
		} {
			parts, err := s.Store.Parts(s.ctx, tenant, j.ID, c.after, c.limit)
			s.noError(err, "parts")
			got := []int{}
			for _, p := range parts {
				got = append(got, p.Number)
			}
			equal(s, got, c.want, fmt.Sprintf("the page after %d", c.after))
		}
	}},
	{"NowIsTheStoresTime", "each answer carries the store's time, in UTC and whole microseconds", func(s *site) {
		j := s.pending()
		s.Advance(time.Hour)
		later := s.get(j)
		if d := later.Now.Sub(j.Now); d < time.Hour || d > 2*time.Hour {
			s.Fatalf("the store's time went on by %v in an hour", d)
		}
		for _, at := range []time.Time{later.Now, later.CreatedAt} {
			if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
				s.Fatalf("%v is not in UTC and whole microseconds", at)
			}
		}
	}},
}

func (s *site) page(q queue.ListQuery) ([]queue.Job, string) {
	s.Helper()
	jobs, next, err := s.Store.List(s.ctx, q)
	s.noError(err, "list")
	return jobs, next
}

func ids(jobs []queue.Job) []string {
	list := []string{}
	for _, j := range jobs {
		list = append(list, j.ID)
	}
	return list
}

func leaseOf(c queue.Claimed, rows, bytes int64) queue.Lease {
	return queue.Lease{Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence, Rows: rows, Bytes: bytes}
}

func (s *site) renew(l queue.Lease) queue.Renewed {
	s.Helper()
	got, err := s.Store.Renew(s.ctx, queue.Renew{Leases: []queue.Lease{l}, Lease: lease})
	s.noError(err, "renew")
	if len(got) != 1 {
		s.Fatalf("renew of one lease gave %d answers", len(got))
	}
	return got[0]
}
