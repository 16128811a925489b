package queuetest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A brokenOutbox is a good store of which some methods of its outbox are replaced.
type brokenOutbox struct {
	*memstore.Store
	claim  func(context.Context, queue.OutboxClaim) ([]queue.Delivery, error)
	settle func(context.Context, queue.Settle) error
	age    func(context.Context) (time.Duration, error)
	inbox  func(context.Context, queue.InboxQuery) ([]queue.InboxEvent, string, error)
	unread func(context.Context, queue.InboxQuery) (int, error)
	mark   func(context.Context, queue.ReadMark) (int, error)
}

func (b *brokenOutbox) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
	return b.claim(ctx, c)
}

func (b *brokenOutbox) SettleOutbox(ctx context.Context, s queue.Settle) error {
	return b.settle(ctx, s)
}

func (b *brokenOutbox) OutboxAge(ctx context.Context) (time.Duration, error) { return b.age(ctx) }

func (b *brokenOutbox) Inbox(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
	return b.inbox(ctx, q)
}

func (b *brokenOutbox) CountUnread(ctx context.Context, q queue.InboxQuery) (int, error) {
	return b.unread(ctx, q)
}

func (b *brokenOutbox) MarkRead(ctx context.Context, m queue.ReadMark) (int, error) {
	return b.mark(ctx, m)
}

// outboxMutants are stores that each break one rule of the outbox or the inboxes,
// and the rules that find it.
var outboxMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*brokenOutbox)
}{
	{"claims that do not last", []string{"OutboxGivesEachEvent", "R39_OutboxRace"}, func(b *brokenOutbox) {
		b.claim = func(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
			c.Lease = -time.Second
			return b.Store.ClaimOutbox(ctx, c)
		}
	}},
	{"claims that last for ever", []string{"R39_OutboxGivesAgain", "OutboxFenced"}, func(b *brokenOutbox) {
		b.claim = func(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
			c.Lease = 10_000 * time.Hour
			return b.Store.ClaimOutbox(ctx, c)
		}
	}},
	{"no limit", []string{"OutboxOfAllTenants"}, func(b *brokenOutbox) {
		b.claim = func(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
			c.Limit = 1000
			return b.Store.ClaimOutbox(ctx, c)
		}
	}},
	{"attempts not counted", []string{"R39_OutboxGivesAgain", "OutboxFenced"}, func(b *brokenOutbox) {
		b.claim = func(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
			got, err := b.Store.ClaimOutbox(ctx, c)
			for i := range got {
				got[i].Attempt = 1
			}
			return got, err
		}
		b.settle = func(ctx context.Context, s queue.Settle) error {
			for s.Attempt = 1; s.Attempt < 9; s.Attempt++ {
				if err := b.Store.SettleOutbox(ctx, s); !errors.Is(err, queue.ErrFenced) {
					return err
				}
			}
			return queue.ErrFenced
		}
	}},
	{"settled twice", []string{"OutboxFenced"}, func(b *brokenOutbox) {
		b.settle = func(ctx context.Context, s queue.Settle) error {
			if err := b.Store.SettleOutbox(ctx, s); !errors.Is(err, queue.ErrFenced) || s.Attempt == 0 {
				return err
			}
			return nil
		}
	}},
	{"given up means tried again", []string{"OutboxSettled"}, func(b *brokenOutbox) {
		b.settle = func(ctx context.Context, s queue.Settle) error {
			if s.State == queue.GivenUp {
				s.State = queue.Undelivered
			}
			return b.Store.SettleOutbox(ctx, s)
		}
	}},
	{"progress forgotten", []string{"OutboxTriedAgain"}, func(b *brokenOutbox) {
		b.settle = func(ctx context.Context, s queue.Settle) error {
			s.Progress = queue.Payload{}
			return b.Store.SettleOutbox(ctx, s)
		}
	}},
	{"no delay", []string{"OutboxTriedAgain"}, func(b *brokenOutbox) {
		b.settle = func(ctx context.Context, s queue.Settle) error {
			s.Delay = 0
			return b.Store.SettleOutbox(ctx, s)
		}
	}},
	{"settles for any tenant", []string{"OutboxUnknown"}, func(b *brokenOutbox) {
		b.settle = func(ctx context.Context, s queue.Settle) error {
			s.Tenant = "acme"
			return b.Store.SettleOutbox(ctx, s)
		}
	}},
	{"age of nothing", []string{"OutboxAge"}, func(b *brokenOutbox) {
		b.age = func(context.Context) (time.Duration, error) { return 0, nil }
	}},
	{"actor ignored", []string{"InboxSelects"}, func(b *brokenOutbox) {
		b.inbox = func(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
			q.Actor = ""
			return b.Store.Inbox(ctx, q)
		}
	}},
	{"oldest first", []string{"InboxNewestFirst"}, func(b *brokenOutbox) {
		b.inbox = func(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
			events, next, err := b.Store.Inbox(ctx, q)
			for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
				events[i], events[j] = events[j], events[i]
			}
			return events, next, err
		}
	}},
	{"any cursor", []string{"InboxCursor"}, func(b *brokenOutbox) {
		b.inbox = func(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
			events, next, err := b.Store.Inbox(ctx, q)
			if errors.Is(err, queue.ErrCursor) {
				return nil, "", nil
			}
			return events, next, err
		}
	}},
	{"one event more than was asked for", []string{"InboxNewestFirst"}, func(b *brokenOutbox) {
		b.inbox = func(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
			q.Limit = q.PageSize() + 1
			return b.Store.Inbox(ctx, q)
		}
	}},
	{"payloads not kept", []string{"InboxNewestFirst"}, func(b *brokenOutbox) {
		b.inbox = func(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
			events, next, err := b.Store.Inbox(ctx, q)
			for i := range events {
				events[i].Entry.Data.Data = bytes.ToUpper(events[i].Entry.Data.Data)
			}
			return events, next, err
		}
	}},
	{"counts what was read", []string{"InboxUnread"}, func(b *brokenOutbox) {
		b.unread = func(ctx context.Context, q queue.InboxQuery) (int, error) {
			events, _, err := b.Store.Inbox(ctx, q)
			return len(events), err
		}
	}},
	{"marks a page", []string{"InboxReadOfMany"}, func(b *brokenOutbox) {
		b.mark = func(ctx context.Context, m queue.ReadMark) (int, error) {
			m.UpTo = min(m.UpTo, 500)
			return b.Store.MarkRead(ctx, m)
		}
	}},
	{"anyone marks", []string{"InboxReadByOthers"}, func(b *brokenOutbox) {
		b.mark = func(ctx context.Context, m queue.ReadMark) (int, error) {
			m.Actor = ""
			return b.Store.MarkRead(ctx, m)
		}
	}},
	{"marks all", []string{"InboxReadUpTo", "InboxSelects"}, func(b *brokenOutbox) {
		b.mark = func(ctx context.Context, m queue.ReadMark) (int, error) {
			m.UpTo = 1000
			return b.Store.MarkRead(ctx, m)
		}
	}},
	{"reading settles", []string{"InboxIsNotDelivery"}, func(b *brokenOutbox) {
		b.mark = func(ctx context.Context, m queue.ReadMark) (int, error) {
			claimed, err := b.Store.ClaimOutbox(ctx, queue.OutboxClaim{Limit: 100})
			for _, d := range claimed {
				err = errors.Join(err, b.Store.SettleOutbox(ctx, queue.Settle{Tenant: "acme", Entry: d.Entry.ID, Attempt: d.Attempt, State: queue.Delivered}))
			}
			n, markErr := b.Store.MarkRead(ctx, m)
			return n, errors.Join(err, markErr)
		}
	}},
}

func outboxHarness(damage func(*brokenOutbox)) queuetest.Harness {
	h := harness(func(*broken) {})
	s := h.Store.(*broken).Store
	b := &brokenOutbox{
		Store: s, claim: s.ClaimOutbox, settle: s.SettleOutbox, age: s.OutboxAge,
		inbox: s.Inbox, unread: s.CountUnread, mark: s.MarkRead,
	}
	damage(b)
	h.Store, h.Reopen = b, nil
	return h
}

func TestR39_BrokenOutboxesAreCaught(t *testing.T) {
	t.Parallel()
	for _, m := range outboxMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, outboxHarness(m.damage)), "rule %s passed", rule)
				require.Empty(t, queuetest.Check(t, rule, outboxHarness(func(*brokenOutbox) {})), rule)
			}
		})
	}
}

// A store that was opened again must still know how far its events are.
func TestR39_ForgetfulStoreIsCaught(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, queuetest.Check(t, "OutboxIsKept", harness(func(*broken) {})))
}
