package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// InboxOptions adjust an Inbox.
type InboxOptions struct {
	// URL is as in [Options]. Default: nil.
	URL func(Message) string
	// Kinds are shown. Default: [Kinds].
	Kinds []Kind
	// Logger. Default: logs are discarded.
	Logger *slog.Logger
}

// An Inbox shows the messages of a tenant's people inside the host's application. What
// is read is noted per message, and a message belongs to its Actor: who lists those of
// all actors sees what each of them has read.
type Inbox struct {
	store   queue.InboxStore
	options InboxOptions
	types   []string
}

// NewInbox returns the inboxes of a store.
func NewInbox(store queue.InboxStore, opts *InboxOptions) (*Inbox, error) {
	if store == nil {
		return nil, errors.New("notify: no store")
	}
	b := &Inbox{store: store}
	if opts != nil {
		b.options = *opts
	}
	if b.options.Kinds == nil {
		b.options.Kinds = Kinds()
	}
	if b.options.Logger == nil {
		b.options.Logger = slog.New(slog.DiscardHandler)
	}
	if len(b.options.Kinds) == 0 {
		return nil, errors.New("notify: an inbox without kinds")
	}
	for _, kind := range b.options.Kinds {
		b.types = append(b.types, string(kind))
	}
	return b, nil
}

// A Letter is a message in an inbox.
type Letter struct {
	Message
	// ReadAt is when it was read; zero for not yet.
	ReadAt time.Time
	// Number grows with the tenant's messages; see [Inbox.MarkAllRead].
	Number int64
}

// A Listing selects letters.
type Listing struct {
	Tenant string
	// Actor is whose inbox it is; empty for everybody of the tenant.
	Actor string
	// Unread leaves out what was read.
	Unread bool
	// Limit is the page's size, 1 to 1,000. Default: 50.
	Limit int
	// After is the cursor that the page before returned.
	After string
}

// List returns a page of letters, newest first, and the cursor of the next page, which
// is empty at the end. A cursor that it did not give wraps [queue.ErrCursor].
func (b *Inbox) List(ctx context.Context, l Listing) (letters []Letter, next string, err error) {
	events, next, err := b.store.Inbox(ctx, queue.InboxQuery{
		Tenant: l.Tenant, Actor: l.Actor, Types: b.types, Unread: l.Unread, Limit: l.Limit, After: l.After,
	})
	if err != nil {
		return nil, "", fmt.Errorf("notify: list the inbox: %w", err)
	}
	for _, e := range events {
		m, err := messageOf(e.Entry, b.options.URL)
		if err != nil {
			// Shown as far as it can be read: newer code wrote it, or its page is wrong.
			b.options.Logger.WarnContext(ctx, "reading an event", "event", e.Entry.ID, "tenant", e.Entry.Tenant, "err", err)
			m.URL = ""
		}
		letters = append(letters, Letter{Message: m, ReadAt: e.ReadAt, Number: e.Entry.Seq})
	}
	return letters, next, nil
}

// maxUnread is up to where unread letters are counted.
const maxUnread = 100

// Unread counts the unread letters of an inbox, up to 100, which means "or more". An
// empty actor means everybody of the tenant.
func (b *Inbox) Unread(ctx context.Context, tenant, actor string) (int, error) {
	n, err := b.store.CountUnread(ctx, queue.InboxQuery{Tenant: tenant, Actor: actor, Types: b.types, Limit: maxUnread})
	if err != nil {
		return 0, fmt.Errorf("notify: count unread: %w", err)
	}
	return n, nil
}

// MarkRead notes that these letters were read, and returns how many were unread. With
// an actor, letters of others are left as they are.
func (b *Inbox) MarkRead(ctx context.Context, tenant, actor string, ids ...string) (int, error) {
	return b.mark(ctx, queue.ReadMark{Tenant: tenant, Actor: actor, IDs: ids})
}

// MarkAllRead notes that all letters up to this number were read: that of the newest
// letter which the person has seen, so that one that arrives meanwhile stays unread.
func (b *Inbox) MarkAllRead(ctx context.Context, tenant, actor string, upTo int64) (int, error) {
	return b.mark(ctx, queue.ReadMark{Tenant: tenant, Actor: actor, UpTo: upTo})
}

func (b *Inbox) mark(ctx context.Context, m queue.ReadMark) (int, error) {
	n, err := b.store.MarkRead(ctx, m)
	if err != nil {
		return 0, fmt.Errorf("notify: mark read: %w", err)
	}
	return n, nil
}
