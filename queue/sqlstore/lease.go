package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/lease"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Claim leases parts to a worker.
func (s *Store) Claim(ctx context.Context, c queue.Claim) (claimed []queue.Claimed, err error) {
	if c.Limit < 1 {
		return nil, nil
	}
	// Whoever finds that others have locked all that there is comes again and waits, with
	// empty hands: what a claim holds others may need to go on.
	busy := true
	for try := 0; busy && try < claimTries; try++ {
		err = s.write(ctx, func(tx *table.Tx) error {
			claimed, busy, err = lease.Claim(ctx, tx, c, try > 0)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("sqlstore: claim: %w", err)
		}
	}
	return claimed, nil
}

// claimTries is how often a claim waits, at most, for others that leave it nothing.
const claimTries = 100

// Renew prolongs leases and stores progress.
func (s *Store) Renew(ctx context.Context, r queue.Renew) (answers []queue.Renewed, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		answers, err = lease.Renew(ctx, tx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: renew: %w", err)
	}
	return answers, nil
}

// Finish ends the lease of a part. Those who do so at the same time share a
// transaction, in which each is judged by itself.
func (s *Store) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	answer, err := s.endings.Do(ctx, lease.Ending{Finish: f, Entries: entries})
	if err == nil {
		err = answer.Err
	}
	if err != nil {
		return queue.Job{}, fmt.Errorf("sqlstore: finish: %w", err)
	}
	return answer.Job, nil
}

// mostEndings is how many leases end in one transaction at most.
const mostEndings = 128

func (s *Store) endAll(ctx context.Context, endings []lease.Ending) (answers []lease.Ended, err error) {
	err = s.write(ctx, func(tx *table.Tx) error {
		answers, err = lease.End(ctx, tx, endings)
		return err
	})
	return answers, err
}

// mayHaveHappened reports an error that leaves open whether a transaction happened.
func mayHaveHappened(err error) bool {
	var unsure *txn.CommitError
	return errors.As(err, &unsure)
}
