package chain_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
)

// key makes a key of that id, whose secret nobody else has.
func key(id string) chain.Key {
	return chain.Key{ID: id, Secret: bytes.Repeat([]byte(id), chain.MinSecret)}
}

func keysOf(t testing.TB, newest string, older ...string) *chain.Keys {
	t.Helper()
	var list []chain.Key
	for _, id := range older {
		list = append(list, key(id))
	}
	k, err := chain.NewKeys(key(newest), list...)
	require.NoError(t, err)
	return k
}

// A log is one tenant's, as a store keeps it.
type log struct {
	rows []chain.Entry
	head chain.Head
	seq  int64
	// pages counts how often it was read.
	pages int
}

func (l *log) AuditChain(_ context.Context, _ string, after int64, limit int) (chain.Page, error) {
	l.pages++
	page := chain.Page{Head: l.head}
	for _, r := range l.rows {
		if r.Seq > after && len(page.Entries) < limit {
			page.Entries = append(page.Entries, r)
		}
	}
	return page, nil
}

// sorted puts the rows in the order of their numbers, as a store gives them.
func (l *log) sorted() {
	slices.SortStableFunc(l.rows, func(a, b chain.Entry) int { return int(a.Seq - b.Seq) })
}

// copied is a log that can be altered.
func (l *log) copied() *log {
	c := *l
	c.rows = slices.Clone(l.rows)
	for i := range c.rows {
		c.rows[i].Data.Data = bytes.Clone(c.rows[i].Data.Data)
		c.rows[i].Link.MAC = bytes.Clone(c.rows[i].Link.MAC)
	}
	return &c
}

// add appends the entries of one change.
func (l *log) add(t testing.TB, k *chain.Keys, kinds ...queue.EntryKind) {
	t.Helper()
	entries := make([]queue.Entry, len(kinds))
	for i, kind := range kinds {
		l.seq++
		entries[i] = queue.Entry{
			ID: fmt.Sprintf("e-%d", l.seq), Kind: kind, Tenant: "acme", Job: fmt.Sprintf("job-%d", l.seq/3), Type: "export.requested", Actor: "ann@acme.example",
			Data: queue.Payload{Version: 1, Data: fmt.Appendf(nil, `{"n":%d}`, l.seq)},
			At:   time.UnixMicro(1_795_000_000_000_000 + l.seq*1_000).UTC(), Seq: l.seq,
		}
	}
	l.head.Tenant = "acme"
	links, head, err := k.Extend(l.head, entries)
	require.NoError(t, err)
	require.Len(t, links, len(entries))
	for i, e := range entries {
		if e.Kind == queue.Audit {
			l.rows = append(l.rows, chain.Entry{Entry: e, Link: links[i]})
		}
	}
	l.head = head
}

// written is a log of n audit entries, with events of the outbox between them.
func written(t testing.TB, k *chain.Keys, n int) *log {
	t.Helper()
	l := &log{}
	for len(l.rows) < n {
		switch len(l.rows) % 3 {
		case 0:
			l.add(t, k, queue.Audit)
		case 1:
			l.add(t, k, queue.Outbox, queue.Audit, queue.Outbox)
		default:
			l.add(t, k, queue.Outbox)
			l.add(t, k, queue.Audit)
		}
	}
	return l
}
