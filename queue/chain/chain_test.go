package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/memstore"
)

func TestNewKeys(t *testing.T) {
	t.Parallel()
	short := key("b")
	short.Secret = short.Secret[:chain.MinSecret-1]
	tests := []struct {
		name   string
		newest chain.Key
		older  []chain.Key
		want   string
	}{
		{name: "one", newest: key("a")},
		{name: "two", newest: key("b"), older: []chain.Key{key("a")}},
		{name: "no id", newest: chain.Key{Secret: key("a").Secret}, want: "1 to 64 bytes"},
		{name: "a long id", newest: key(strings.Repeat("a", 65)), want: "1 to 64 bytes"},
		{name: "twice", newest: key("a"), older: []chain.Key{key("a")}, want: `two keys have the id "a"`},
		{name: "a short secret", newest: key("a"), older: []chain.Key{short}, want: `the secret of key "b" has less than 32 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, err := chain.NewKeys(tt.newest, tt.older...)
			if tt.want == "" {
				require.NoError(t, err)
				require.NotNil(t, k)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// R40: keys do not show their secrets, however they are printed.
func TestR40_KeysHide(t *testing.T) {
	t.Parallel()
	one := chain.Key{ID: "2026", Secret: []byte(strings.Repeat("canary", 8))}
	keys, err := chain.NewKeys(one)
	require.NoError(t, err)
	var out strings.Builder
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{one, &one, keys, *keys, []chain.Key{one}, struct{ K chain.Key }{one}} {
		_, _ = fmt.Fprintf(&out, "%v %+v %#v %s %x %d", v, v, v, v, v, v)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(text)
		logger.Info("keys", "keys", v)
	}
	for _, secret := range []string{"canary", fmt.Sprintf("%x", "canary"), "Y2FuYXJ5", "99 97 110", "0x63, 0x61"} {
		require.NotContains(t, out.String(), secret)
	}
	require.Contains(t, out.String(), "key 2026")
}

// R41: a log that nobody touched is proved, over any number of pages.
func TestR41_Untouched(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	for _, n := range []int{0, 1, 2, 7, 499, 500, 501, 1203} {
		l := written(t, k, n)
		head, err := k.Verify(t.Context(), l, "acme")
		require.NoError(t, err, n)
		require.EqualValues(t, n, head.Number)
		require.Zero(t, head.Since)
		require.Equal(t, n/500+1, l.pages, n)
	}
}

// Every field of an entry is under the hash, also one that is added later, but for the
// condition, which is not stored.
func TestR41_EveryFieldCounts(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	good := written(t, k, 3)
	fields := reflect.TypeFor[queue.Entry]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if name == "When" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := good.copied()
			v := reflect.ValueOf(&l.rows[1].Entry).Elem().Field(i)
			switch v.Interface().(type) {
			case queue.Payload:
				v.FieldByName("Version").SetInt(2)
			case time.Time:
				v.Set(reflect.ValueOf(l.rows[1].At.Add(time.Microsecond)))
			case int64:
				v.SetInt(v.Int() + 1)
			default:
				v.SetString(v.String() + "x")
			}
			_, err := k.Verify(t.Context(), l, "acme")
			require.Equal(t, &chain.BrokenError{
				Tenant: "acme", Fault: chain.Edited, Number: 2, Seq: l.rows[1].Seq, Entry: l.rows[1].ID,
			}, err)
		})
	}
}

// Fields do not run into each other: what one loses another cannot gain.
func TestR41_FieldsAreApart(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	l := written(t, k, 1)
	l.rows[0].Type, l.rows[0].Actor = l.rows[0].Type+"ann", strings.TrimPrefix(l.rows[0].Actor, "ann")
	_, err := k.Verify(t.Context(), l, "acme")
	require.Error(t, err)
}

// R41: what was done to a log is named, with the first entry that it was done to.
func TestR41_Faults(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	const n = 12
	good := written(t, k, n)
	forged := chain.Entry{Entry: good.rows[4].Entry, Link: chain.Link{Number: 5, Key: "a", MAC: good.rows[3].Link.MAC}}
	forged.ID, forged.Seq = "forged", good.rows[4].Seq-1
	swap := func(i, j int) func(*log) {
		return func(l *log) {
			l.rows[i].Seq, l.rows[j].Seq = l.rows[j].Seq, l.rows[i].Seq
			l.sorted()
		}
	}
	without := func(i int) func(*log) { return func(l *log) { l.rows = slices.Delete(l.rows, i, i+1) } }
	insert := func(e chain.Entry) func(*log) {
		return func(l *log) { l.rows = append(l.rows, e); l.sorted() }
	}
	tests := []struct {
		name   string
		damage func(*log)
		fault  chain.Fault
		number int64
		entry  string
	}{
		{"the data is edited", func(l *log) { l.rows[4].Data.Data[0]++ }, chain.Edited, 5, good.rows[4].ID},
		{"the hash is edited", func(l *log) { l.rows[4].Link.MAC[0]++ }, chain.Edited, 5, good.rows[4].ID},
		{"the number is edited", func(l *log) { l.rows[4].Link.Number = 50 }, chain.Edited, 5, good.rows[4].ID},
		{"the key is edited", func(l *log) { l.rows[4].Link.Key = "z" }, chain.Edited, 5, good.rows[4].ID},
		{"the link is taken away", func(l *log) { l.rows[4].Link = chain.Link{} }, chain.Edited, 5, good.rows[4].ID},
		{"the last is edited", func(l *log) { l.rows[n-1].Actor = "" }, chain.Edited, n, good.rows[n-1].ID},
		{"the first is deleted", without(0), chain.Missing, 1, ""},
		{"one is deleted", without(4), chain.Missing, 5, ""},
		{"three are deleted", func(l *log) { l.rows = slices.Delete(l.rows, 4, 7) }, chain.Missing, 5, ""},
		{"one is of another kind now", without(6), chain.Missing, 7, ""},
		{"one without a link is inserted", insert(chain.Entry{Entry: forged.Entry}), chain.Inserted, 5, "forged"},
		{"one with a number is inserted", insert(forged), chain.Inserted, 5, "forged"},
		{"one is there twice", insert(chain.Entry{Entry: forged.Entry, Link: good.rows[2].Link}), chain.Inserted, 5, "forged"},
		{"one without a link is appended", func(l *log) {
			e := chain.Entry{Entry: forged.Entry}
			e.Seq = 1000
			insert(e)(l)
		}, chain.Inserted, n + 1, "forged"},
		{"two change places", swap(4, 7), chain.OutOfOrder, 5, good.rows[7].ID},
		{"neighbours change places", swap(4, 5), chain.OutOfOrder, 5, good.rows[5].ID},
		{"one goes to the end", func(l *log) { l.rows[4].Seq = 1000; l.sorted() }, chain.OutOfOrder, 5, good.rows[5].ID},
		{"the tail is cut", func(l *log) { l.rows = l.rows[:7] }, chain.Cut, 8, ""},
		{"all is cut", func(l *log) { l.rows = nil }, chain.Cut, 1, ""},
		{"the tail is cut and the head set back", func(l *log) {
			l.rows = l.rows[:7]
			l.head.Number, l.head.MAC = 7, l.rows[6].Link.MAC
		}, chain.Unanchored, 7, ""},
		{"the head is taken away", func(l *log) { l.head = chain.Head{} }, chain.Unanchored, 1, good.rows[0].ID},
		{"the beginning is declared to be from before", func(l *log) { l.head.Since = good.rows[4].Seq }, chain.Unanchored, n, ""},
		{"another tenant's log is put in its place", func(l *log) { *l = *written(t, k, n); l.head.Tenant = "globex"; l.head.Seal[0]++ }, chain.Unanchored, n, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := good.copied()
			l.head.Seal = slices.Clone(l.head.Seal)
			tt.damage(l)
			_, err := k.Verify(t.Context(), l, "acme")
			var broken *chain.BrokenError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, []any{tt.fault, tt.number, tt.entry}, []any{broken.Fault, broken.Number, broken.Entry}, "%v", err)
			require.ErrorContains(t, err, string(tt.fault))
			if tt.entry == "" {
				require.Zero(t, broken.Seq)
			}
		})
	}
}

// A log of one tenant proves nothing of another.
func TestR41_TenantIsUnderTheSeal(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	l := written(t, k, 5)
	_, err := k.Verify(t.Context(), l, "globex")
	var broken *chain.BrokenError
	require.ErrorAs(t, err, &broken)
}

// Keys follow each other, and old ones are needed as long as their entries are.
func TestR41_Rotation(t *testing.T) {
	t.Parallel()
	l := written(t, keysOf(t, "a"), 4)
	l.add(t, keysOf(t, "b", "a"), queue.Audit)
	l.add(t, keysOf(t, "a", "b"), queue.Audit) // a host that was not restarted yet
	l.add(t, keysOf(t, "b", "a"), queue.Audit)
	require.Equal(t, "b", l.head.Key)
	_, err := keysOf(t, "c", "b", "a").Verify(t.Context(), l, "acme")
	require.NoError(t, err)

	var broken *chain.BrokenError
	_, err = keysOf(t, "b").Verify(t.Context(), l, "acme")
	require.ErrorAs(t, err, &broken)
	require.ErrorIs(t, err, chain.ErrUnknownKey)
	require.ErrorContains(t, err, `key "a"`)
	require.Equal(t, int64(1), broken.Number)

	_, err = keysOf(t, "a").Verify(t.Context(), l, "acme")
	require.ErrorAs(t, err, &broken)
	require.ErrorIs(t, err, chain.ErrUnknownKey)
	require.Equal(t, chain.Unanchored, broken.Fault)

	_, _, err = keysOf(t, "a").Extend(l.head, []queue.Entry{{Kind: queue.Audit, Tenant: "acme", Seq: 100}})
	require.ErrorIs(t, err, chain.ErrUnknownKey)
}

// A store that gets its keys later begins a chain there, and the head says so.
func TestR41_ChainThatBeginsLater(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	l := written(t, nil, 1100)
	head, err := k.Verify(t.Context(), l, "acme")
	require.NoError(t, err)
	require.Zero(t, head.Number)
	before := l.seq
	l.add(t, k, queue.Outbox, queue.Audit)
	l.add(t, k, queue.Audit)
	head, err = k.Verify(t.Context(), l, "acme")
	require.NoError(t, err)
	require.Equal(t, []int64{2, before}, []int64{head.Number, head.Since})

	l.rows[1100].Link, l.rows[1101].Link = chain.Link{}, chain.Link{}
	_, err = k.Verify(t.Context(), l, "acme")
	var broken *chain.BrokenError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, l.rows[1100].ID, broken.Entry)
}

// Who has no keys cannot go on with a chain, and need not when there is nothing to link.
func TestR41_NoKeys(t *testing.T) {
	t.Parallel()
	var none *chain.Keys
	l := written(t, keysOf(t, "a"), 2)
	_, _, err := none.Extend(l.head, []queue.Entry{{Kind: queue.Audit, Tenant: "acme", Seq: 100}})
	require.ErrorIs(t, err, chain.ErrNoKeys)
	_, head, err := none.Extend(l.head, []queue.Entry{{Kind: queue.Outbox, Tenant: "acme", Seq: 100}})
	require.NoError(t, err)
	require.Equal(t, l.head, head)
	_, err = none.Verify(t.Context(), l, "acme")
	require.ErrorIs(t, err, chain.ErrNoKeys)
	_, err = chain.VerifyAudit(t.Context(), struct{ queue.JobStore }{memstore.New(nil)}, "acme")
	require.ErrorIs(t, err, chain.ErrNoKeys)
}

// What was done to the head is not made good by what is appended after.
func TestR41_AppendingCoversNothingUp(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a", "b")
	tests := []struct {
		name   string
		damage func(*log)
	}{
		{"the tail is cut", func(l *log) {
			l.rows = l.rows[:7]
			l.head.Number, l.head.MAC = 7, l.rows[6].Link.MAC
		}},
		{"the head is set back to nothing", func(l *log) { l.head = chain.Head{} }},
		{"all is cut, and the chain begins anew", func(l *log) { l.rows, l.head.Number = l.rows[:1], 0 }},
		{"the seal is edited", func(l *log) { l.head.Seal = []byte("seal") }},
		{"the seal is another key's", func(l *log) { l.head.Key = "b" }},
		{"the beginning moves", func(l *log) { l.head.Since++ }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := written(t, k, 12)
			tt.damage(l)
			for range 3 {
				l.add(t, k, queue.Audit)
				_, err := k.Verify(t.Context(), l, "acme")
				var broken *chain.BrokenError
				require.ErrorAs(t, err, &broken)
			}
		})
	}
}

// Heads that were kept elsewhere show what the log alone cannot.
func TestR41_KnownHeads(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	l := written(t, k, 5)
	early := l.head
	l.add(t, k, queue.Audit)
	late := l.head
	l.add(t, k, queue.Audit)
	_, err := k.Verify(t.Context(), l, "acme", early, late)
	require.NoError(t, err)

	back := l.copied()
	back.rows, back.head = back.rows[:5], early // by who kept the head with its seal
	_, err = k.Verify(t.Context(), back, "acme", early)
	require.NoError(t, err)
	requireFault(t, k, back, chain.Cut, 6, late)
	requireFault(t, k, &log{}, chain.Cut, 1, early)

	other := *back
	other.seq += 7
	other.add(t, k, queue.Audit)
	requireFault(t, k, &other, chain.Edited, 6, late)

	forged := late
	forged.Number--
	requireFault(t, k, l, chain.Unanchored, 5, forged)
	foreign := late
	foreign.Tenant = "globex"
	requireFault(t, k, l, chain.Unanchored, 6, foreign)
}

func requireFault(t *testing.T, k *chain.Keys, l chain.Reader, f chain.Fault, number int64, known chain.Head) {
	t.Helper()
	_, err := k.Verify(t.Context(), l, "acme", known)
	var broken *chain.BrokenError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, []any{f, number}, []any{broken.Fault, broken.Number}, "%v", err)
}

// A growing log is one that is appended to whenever it is read.
type growing struct {
	*log
	grow func()
}

func (g growing) AuditChain(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
	page, err := g.log.AuditChain(ctx, tenant, after, limit)
	g.grow()
	return page, err
}

func TestR41_VerifyWhileOthersAppend(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "a")
	l := written(t, k, 1700)
	head, err := k.Verify(t.Context(), growing{l, func() { l.add(t, k, queue.Audit) }}, "acme")
	require.NoError(t, err)
	require.GreaterOrEqual(t, head.Number, int64(1703))
}

func TestVerifyTellsTheReadersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	_, err := keysOf(t, "a").Verify(t.Context(), failing{broken}, "acme")
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) AuditChain(context.Context, string, int64, int) (chain.Page, error) {
	return chain.Page{}, f.err
}
