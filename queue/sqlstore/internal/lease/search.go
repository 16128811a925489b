package lease

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/fair"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Conditions are scalar selects: each is asked for one row at a time, in the order of
// turns, where a join might be answered by going through all jobs or parts first.
const (
	// mayBeClaimed is [queue.Claimable] as far as SQL needs it to look at few rows:
	// what it lets pass, [fair.Pick] judges. $1 is the time.
	mayBeClaimed = ` p.state = 'ready' and (p.not_before is null or p.not_before <= $1)
	and (p.kind <> 'seal' or j.parts_sealed = j.parts - 1) `

	// gives is a job that has something to give.
	gives = "j.state in " + table.ActiveStates + " and j.ready = 1" +
		" and (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 0 and" + mayBeClaimed + "limit 1) is not null"

	// suspected is a job that has a suspect to give.
	suspected = "j.ord in (select p.job from exportyard_part p where p.state = 'ready' and p.suspect = 1)" +
		" and j.state in " + table.ActiveStates +
		" and (select 1 from exportyard_part p where p.job = j.ord and p.suspect = 1 and" + mayBeClaimed + "limit 1) is not null"
)

// A search collects what a claim may choose from.
type search struct {
	tx     *table.Tx
	claim  queue.Claim
	hands  int
	rows   map[string]table.Job // by ID, those that offer something
	offers []fair.Offer
	before fair.InFlight
}

// look finds offers, in the order of turns, and locks their jobs and tenants.
func (s *search) look(ctx context.Context, patient bool) error {
	if s.claim.Alone {
		if err := s.suspects(ctx); err != nil || len(s.offers) > 0 {
			return err
		}
	}
	if patient {
		return s.first(ctx)
	}
	for after := start; ; {
		turns, err := s.tenants(ctx, after, s.hands, s.tx.SkipLocked("t"))
		if err != nil {
			return err
		}
		depth := fair.Depth(s.hands, len(turns))
		for _, t := range turns {
			if err := s.jobsOf(ctx, t.tenant, depth); err != nil {
				return err
			}
		}
		// Tenants of which others have locked all jobs offer nothing.
		if len(s.offers) > 0 || len(turns) < s.hands {
			return nil
		}
		after = turns[len(turns)-1]
	}
}

// A turn is a tenant's place in the order of turns.
type turn struct {
	claimed int64
	tenant  string
}

// start is before the first turn.
var start = turn{claimed: -1}

// room is the condition that a tenant has room under the claim's limit, or nothing. The
// number of its placeholder is the next after those before it.
func (s *search) room(tenant string, args []any) (condition string, after []any) {
	if s.claim.PerTenant < 1 {
		return "", args
	}
	args = append(args, s.claim.PerTenant)
	return " and (" + inFlight(tenant, len(args)) + fmt.Sprintf(") < $%d", len(args)), args
}

// inFlight counts the leased parts of a tenant, up to the limit with this number.
func inFlight(tenant string, limit int) string {
	return fmt.Sprintf("select count(*) from (select 1 from exportyard_part p where p.tenant = %s and p.state = 'leased' limit $%d) f", tenant, limit)
}

// tenants returns the next tenants in turn that have something to give, and room.
func (s *search) tenants(ctx context.Context, after turn, limit int, lock string) ([]turn, error) {
	room, args := s.room("t.tenant", []any{txn.Micros(s.tx.Now), after.claimed, after.tenant})
	return txn.Collect(ctx, s.tx.Tx, func(row txn.Scanner) (t turn, err error) {
		return t, row.Scan(&t.claimed, &t.tenant)
	}, "select t.claimed, t.tenant from exportyard_tenant t where t.waiting = 1"+
		" and (select 1 from exportyard_job j where j.tenant = t.tenant and "+gives+" limit 1) is not null"+
		" and (t.claimed, t.tenant) > ($2, $3)"+room+
		fmt.Sprintf(" order by t.claimed, t.tenant limit $%d", len(args)+1)+lock, append(args, limit)...)
}

// jobsOf offers the jobs of a tenant that the transaction has locked.
func (s *search) jobsOf(ctx context.Context, tenant string, depth int) error {
	jobs, err := s.jobs(ctx, tenant, depth, s.tx.SkipLocked("j"))
	if err != nil {
		return err
	}
	each := depth
	if len(jobs) == depth {
		each = 1 // with as many jobs each gives one part
	}
	return s.offer(ctx, tenant, jobs, 0, each)
}

func (s *search) jobs(ctx context.Context, tenant string, limit int, lock string) ([]table.Job, error) {
	return txn.Collect(ctx, s.tx.Tx, s.tx.ScanJob, table.SelectJob+"where "+gives+" and j.tenant = $2 order by j.claimed, j.ord limit $3"+lock,
		txn.Micros(s.tx.Now), tenant, limit)
}

// first waits for the first job in turn and then for its tenant, as all do who write.
func (s *search) first(ctx context.Context) error {
	turns, err := s.tenants(ctx, start, 1, "")
	if err != nil || len(turns) == 0 {
		return err
	}
	tenant := turns[0].tenant
	jobs, err := s.jobs(ctx, tenant, 1, s.tx.ForUpdate("j"))
	if err != nil {
		return err
	}
	if err := s.tx.LockTenant(ctx, tenant); err != nil {
		return err
	}
	return s.offer(ctx, tenant, jobs, 0, s.hands)
}

// suspects offers the first suspect in turn. Suspects are few, so all of them are looked at.
func (s *search) suspects(ctx context.Context) error {
	room, args := s.room("j.tenant", []any{txn.Micros(s.tx.Now)})
	jobs, err := txn.Collect(ctx, s.tx.Tx, s.tx.ScanJob, table.SelectJob+"join exportyard_tenant t on t.tenant = j.tenant where "+suspected+room+
		" order by t.claimed, t.tenant, j.claimed, j.ord limit 1"+s.tx.ForUpdate("j"), args...)
	if err != nil || len(jobs) == 0 {
		return err
	}
	if err := s.tx.LockTenant(ctx, jobs[0].Tenant); err != nil {
		return err
	}
	return s.offer(ctx, jobs[0].Tenant, jobs, 1, 1)
}

// offer adds the first claimable parts of jobs of a tenant that is locked.
func (s *search) offer(ctx context.Context, tenant string, jobs []table.Job, suspect, each int) error {
	for _, j := range jobs {
		parts, err := txn.Collect(ctx, s.tx.Tx, table.ScanPart(j.Job), table.SelectPart+"join exportyard_job j on j.ord = p.job where"+mayBeClaimed+
			"and p.job = $2 and p.suspect = $3 order by p.number limit $4", txn.Micros(s.tx.Now), j.Ord, suspect, each)
		if err != nil {
			return err
		}
		if len(parts) > 0 {
			s.rows[j.ID] = j
			s.offers = append(s.offers, fair.Offer{Job: j.Job, Parts: parts})
		}
	}
	if s.claim.PerTenant < 1 {
		return nil
	}
	var n int
	err := s.tx.Row(ctx, inFlight("$1", 2), tenant, s.claim.PerTenant).Scan(&n)
	s.before.Tenants[tenant] = n
	return err
}
