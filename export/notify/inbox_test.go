package notify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

func TestA12_Inbox(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	for i, e := range []queue.Entry{failed("a"), {ID: "b", Type: "export.completed", Actor: "bob"}, {ID: "c", Type: "export.canceled", Actor: "ann"}, failed("d")} {
		put(t, store, e)
		put(t, store, queue.Entry{ID: fmt.Sprint("other", i), Tenant: "globex", Type: "export.failed", Actor: "ann"})
	}
	inbox, err := notify.NewInbox(store, &notify.InboxOptions{URL: func(m notify.Message) string { return "https://host.example/" + m.Job }})
	require.NoError(t, err)
	ids := func(l notify.Listing) []string {
		t.Helper()
		list := []string{}
		for {
			letters, next, err := inbox.List(t.Context(), l)
			require.NoError(t, err)
			for _, letter := range letters {
				list = append(list, letter.ID)
			}
			if next == "" {
				return list
			}
			l.After = next
		}
	}
	require.Equal(t, []string{"d", "b", "a"}, ids(notify.Listing{Tenant: "acme", Limit: 1}))
	require.Equal(t, []string{"d", "a"}, ids(notify.Listing{Tenant: "acme", Actor: "ann"}))
	letters, _, err := inbox.List(t.Context(), notify.Listing{Tenant: "acme", Actor: "ann"})
	require.NoError(t, err)
	require.Equal(t, "too much", letters[0].Reason)
	require.Equal(t, "https://host.example/job", letters[0].URL)
	require.Zero(t, letters[0].ReadAt)

	n, err := inbox.Unread(t.Context(), "acme", "ann")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = inbox.MarkRead(t.Context(), "acme", "ann", "a", "b")
	require.NoError(t, err)
	require.Equal(t, 1, n, "b is not ann's")
	require.Equal(t, []string{"d"}, ids(notify.Listing{Tenant: "acme", Actor: "ann", Unread: true}))
	put(t, store, failed("e"))
	n, err = inbox.MarkAllRead(t.Context(), "acme", "ann", letters[0].Number)
	require.NoError(t, err)
	require.Equal(t, 2, n, "d, and the one that is not shown")
	require.Equal(t, []string{"e"}, ids(notify.Listing{Tenant: "acme", Actor: "ann", Unread: true}))
	n, err = inbox.Unread(t.Context(), "acme", "")
	require.NoError(t, err)
	require.Equal(t, 2, n, "bob's and the new one")

	_, _, err = inbox.List(t.Context(), notify.Listing{Tenant: "acme", After: "x"})
	require.ErrorIs(t, err, queue.ErrCursor)
}

// An event that cannot be read is shown as far as it can be.
func TestA12_InboxWithNewerEvents(t *testing.T) {
	t.Parallel()
	store := memstore.New(nil)
	put(t, store, queue.Entry{ID: "e", Type: "export.failed", Actor: "ann", Job: "job", Data: queue.Payload{Version: 7, Data: []byte("<new>")}})
	inbox, err := notify.NewInbox(store, nil)
	require.NoError(t, err)
	letters, _, err := inbox.List(t.Context(), notify.Listing{Tenant: "acme"})
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, notify.Failed, letters[0].Kind)
	require.Equal(t, "job", letters[0].Job)
	require.WithinDuration(t, time.Now(), letters[0].At, time.Minute)

	_, err = notify.NewInbox(nil, nil)
	require.Error(t, err)
	_, err = notify.NewInbox(store, &notify.InboxOptions{Kinds: []notify.Kind{}})
	require.Error(t, err)
}
