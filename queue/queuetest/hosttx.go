package queuetest

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// hostRules hold for stores that are a [queue.TxCreator], as R3 and R1 want it.
var hostRules = []rule{
	{"R3_HostCommits", "a job that was created in the host's transaction is there with its parts and entries once the host has committed, and not before", onHost(func(s *site, h *host) {
		n, e := s.draft(), s.entry("")
		n.IdempotencyKey = "key"
		tx := h.begin("one")
		j, existing, err := queue.CreateTx(s.ctx, s.Store, tx, n, []queue.Entry{e})
		s.noError(err, "create")
		equal(s, existing, false, "whether the job was there before")
		s.absent(n, "before the commit")
		equal(s, s.written(), []string{}, "the entries before the commit")
		s.noError(tx.Commit(), "commit")
		s.same(s.get(j), j, "the job after the commit")
		equal(s, len(s.parts(j)), 2, "the number of parts")
		equal(s, s.written(), []string{e.ID}, "the entries")
		equal(s, h.notes(), 1, "the number of the host's rows")
		equal(s, s.claimOf(j.ID).Part.Kind, queue.PlanPart, "the kind of the part that is claimed")
	})},
	{"R3_HostRollsBack", "when the host rolls back nothing is there, and slot, key and IDs are free", onHost(func(s *site, h *host) {
		n, e := s.draft(), s.entry("")
		n.IdempotencyKey = "key"
		tx := h.begin("one")
		_, _, err := queue.CreateTx(s.ctx, s.Store, tx, n, []queue.Entry{e})
		s.noError(err, "create")
		s.noError(tx.Rollback(), "roll back")
		s.absent(n, "after the rollback")
		equal(s, s.written(), []string{}, "the entries")
		equal(s, h.notes(), 0, "the number of the host's rows")
		s.create(n, e)
	})},
	{"R1_ConflictInTheHostsTransaction", "a conflict is told with its job and leaves the host's transaction as it was", onHost(func(s *site, h *host) {
		held := s.pending()
		n := s.draft()
		n.Slot = held.Slot
		tx := h.begin("one")
		_, _, err := queue.CreateTx(s.ctx, s.Store, tx, n, []queue.Entry{s.entry("")})
		var conflict *queue.ConflictError
		if !errors.As(err, &conflict) || conflict.Active.ID != held.ID {
			s.Fatalf("error is %v, want a conflict with %s", err, held.ID)
		}
		h.write(tx, "two")
		s.noError(tx.Commit(), "commit after a conflict")
		equal(s, h.notes(), 2, "the number of the host's rows")
		s.absent(n, "after a conflict")
		equal(s, s.written(), []string{}, "the entries")
	})},
	{"R3_RefusedInTheHostsTransaction", "a request that cannot be stored as a whole leaves nothing in the host's transaction, which goes on", onHost(func(s *site, h *host) {
		used := s.entry("")
		s.create(s.draft(), used)
		n, other := s.draft(), s.draft()
		tx := h.begin("one")
		if _, _, err := queue.CreateTx(s.ctx, s.Store, tx, n, []queue.Entry{s.entry(""), used}); err == nil {
			s.Fatalf("an entry with a used ID was appended")
		}
		h.write(tx, "two")
		j, _, err := queue.CreateTx(s.ctx, s.Store, tx, other, nil)
		s.noError(err, "create after a refusal")
		s.noError(tx.Commit(), "commit after a refusal")
		equal(s, h.notes(), 2, "the number of the host's rows")
		s.absent(n, "after a refusal")
		s.same(s.get(j), j, "the job that was created after it")
		equal(s, s.written(), []string{used.ID}, "the entries")
	})},
	{"R2_KeyInTheHostsTransaction", "a key that comes again gives its job, also one of the same transaction, and another request is a mismatch", onHost(func(s *site, h *host) {
		n := s.draft()
		n.IdempotencyKey = "key"
		tx := h.begin("one")
		first, _, err := queue.CreateTx(s.ctx, s.Store, tx, n, nil)
		s.noError(err, "create")
		again := s.draft()
		again.IdempotencyKey = "key"
		j, existing, err := queue.CreateTx(s.ctx, s.Store, tx, again, []queue.Entry{s.entry("")})
		s.noError(err, "create with the same key")
		equal(s, existing, true, "whether the job was there before")
		equal(s, j.ID, first.ID, "the job")
		again.Fingerprint = "another"
		_, _, err = queue.CreateTx(s.ctx, s.Store, tx, again, nil)
		s.wantError(err, queue.ErrIdempotencyMismatch, "create")
		s.noError(tx.Commit(), "commit")
		equal(s, s.written(), []string{}, "the entries")
		s.absent(again, "after a mismatch")
	})},
	{"R1_HostHoldsTheSlot", "who wants the slot while the host's transaction is open gets it if that rolls back, and a conflict if it commits", onHost(func(s *site, h *host) {
		for _, commit := range []bool{true, false} {
			n, rival := s.draft(), s.draft()
			rival.Slot = n.Slot
			tx := h.begin(n.ID)
			_, _, err := queue.CreateTx(s.ctx, s.Store, tx, n, nil)
			s.noError(err, "create")
			answer := make(chan error, 1)
			go func() {
				_, _, err := s.Store.Create(s.ctx, rival, nil)
				answer <- err
			}()
			if commit {
				s.noError(tx.Commit(), "commit")
				s.wantError(<-answer, queue.ErrConflict, "create of the rival")
				continue
			}
			s.noError(tx.Rollback(), "roll back")
			s.noError(<-answer, "create of the rival")
		}
	})},
	{"R3_HostWithoutAContext", "a request whose context is over stores nothing", onHost(func(s *site, h *host) {
		n := s.draft()
		tx := h.begin("one")
		over, cancel := context.WithCancel(s.ctx)
		cancel()
		_, _, err := queue.CreateTx(over, s.Store, tx, n, []queue.Entry{s.entry("")})
		s.wantError(err, context.Canceled, "create")
		_ = tx.Commit() // some drivers end a transaction in which a context was over
		s.absent(n, "after a canceled request")
		equal(s, s.written(), []string{}, "the entries")
	})},
}

// A host has a table of its own beside the store's.
type host struct {
	*site
}

// onHost runs a rule for stores that have one.
func onHost(check func(*site, *host)) func(*site) {
	return func(s *site) {
		if s.Host == nil {
			_, _, err := queue.CreateTx(s.ctx, s.Store, nil, s.draft(), nil)
			s.wantError(err, errors.ErrUnsupported, "create in a transaction that the store cannot use")
			return
		}
		_, err := s.Host.ExecContext(s.ctx, "create table host_note (id varchar(200) primary key)")
		s.noError(err, "make the host's table")
		check(s, &host{s})
	}
}

// begin begins a transaction of the host's with a write.
func (h *host) begin(id string) *sql.Tx {
	h.Helper()
	tx, err := h.Host.BeginTx(h.ctx, nil)
	h.noError(err, "begin")
	h.Cleanup(func() { _ = tx.Rollback() })
	h.write(tx, id)
	return tx
}

func (h *host) write(tx *sql.Tx, id string) {
	h.Helper()
	_, err := tx.ExecContext(h.ctx, "insert into host_note (id) values ('"+id+"')")
	h.noError(err, "write of the host")
}

func (h *host) notes() (n int) {
	h.Helper()
	h.noError(h.Host.QueryRowContext(h.ctx, "select count(*) from host_note").Scan(&n), "count the host's rows")
	return n
}

// absent fails if the job of a draft is there.
func (s *site) absent(n queue.NewJob, when string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	_, err := s.Store.Get(ctx, n.Tenant, n.ID)
	s.wantError(err, queue.ErrNotFound, "get of the job "+when)
}
