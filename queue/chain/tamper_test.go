package chain_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
)

// tamperings are what can be done to a log. Each changes something.
var tamperings = []struct {
	name string
	do   func(r *rand.Rand, l *log)
}{
	{"edit a text", func(r *rand.Rand, l *log) {
		e := &l.rows[r.IntN(len(l.rows))]
		text := []*string{&e.ID, &e.Tenant, &e.Job, &e.Type, &e.Actor}[r.IntN(5)]
		*text = string(flip(r, []byte(*text)))
	}},
	{"edit the data", func(r *rand.Rand, l *log) {
		d := &l.rows[r.IntN(len(l.rows))].Data
		if r.IntN(3) == 0 {
			d.Version += 1 + r.IntN(5)
		} else {
			d.Data = flip(r, d.Data)
		}
	}},
	{"edit the time", func(r *rand.Rand, l *log) {
		e := &l.rows[r.IntN(len(l.rows))]
		e.At = e.At.Add(time.Duration(1+r.IntN(1e9)) * time.Microsecond)
	}},
	{"edit the number of all", func(r *rand.Rand, l *log) {
		l.rows[r.IntN(len(l.rows))].Seq += int64(1 + r.IntN(40))
		l.sorted()
	}},
	{"edit the link", func(r *rand.Rand, l *log) {
		link := &l.rows[r.IntN(len(l.rows))].Link
		switch r.IntN(4) {
		case 0:
			link.Number += int64(1 + r.IntN(20))
		case 1:
			link.Key = string(flip(r, []byte(link.Key)))
		case 2:
			link.MAC = flip(r, link.MAC)
		default:
			*link = chain.Link{}
		}
	}},
	{"delete", func(r *rand.Rand, l *log) {
		from := r.IntN(len(l.rows))
		l.rows = slices.Delete(l.rows, from, from+1+r.IntN(len(l.rows)-from))
	}},
	{"delete and count anew", func(r *rand.Rand, l *log) {
		at := r.IntN(len(l.rows))
		l.rows = slices.Delete(l.rows, at, at+1)
		for i := at; i < len(l.rows); i++ {
			l.rows[i].Link.Number--
		}
		l.head.Number--
	}},
	{"insert", func(r *rand.Rand, l *log) {
		like := l.rows[r.IntN(len(l.rows))]
		like.ID = "inserted"
		if r.IntN(2) == 0 {
			like.Link = chain.Link{}
		}
		at := r.IntN(len(l.rows) + 1)
		l.rows = slices.Insert(l.rows, at, like)
		number(l)
	}},
	{"repeat", func(r *rand.Rand, l *log) {
		l.rows = slices.Insert(l.rows, r.IntN(len(l.rows)+1), l.rows[r.IntN(len(l.rows))])
		number(l)
	}},
	{"reorder", func(r *rand.Rand, l *log) {
		was := slices.Clone(l.rows)
		for slices.EqualFunc(was, l.rows, func(a, b chain.Entry) bool { return a.ID == b.ID }) {
			i, j := r.IntN(len(l.rows)), r.IntN(len(l.rows))
			l.rows[i], l.rows[j] = l.rows[j], l.rows[i]
		}
		number(l)
	}},
	{"cut", func(r *rand.Rand, l *log) {
		l.rows = l.rows[:r.IntN(len(l.rows))]
		if n := len(l.rows); r.IntN(2) == 0 && n > 0 {
			l.head.Number, l.head.MAC = int64(n), l.rows[n-1].Link.MAC
		}
	}},
	{"edit the head", func(r *rand.Rand, l *log) {
		switch r.IntN(5) {
		case 0:
			l.head.Number += int64(1 + r.IntN(3))
		case 1:
			l.head.MAC = flip(r, l.head.MAC)
		case 2:
			l.head.Seal = flip(r, l.head.Seal)
		case 3:
			l.head.Since += int64(1 + r.IntN(30))
		default:
			l.head = chain.Head{}
		}
	}},
}

// flip returns other bytes.
func flip(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
	return b
}

// number gives the rows the numbers of a log that nobody touched, in their new order.
func number(l *log) {
	for i := range l.rows {
		l.rows[i].Seq = int64(i + 1)
	}
}

// R41: 10,000 random tamperings are each found, and none is found where there is none.
func TestR41_RandomTamperings(t *testing.T) {
	t.Parallel()
	k := keysOf(t, "b", "a")
	r := rand.New(rand.NewPCG(41, 2026))
	logs := make([]*log, 13)
	for i := range logs {
		logs[i] = written(t, keysOf(t, "a"), 2+i)
		logs[i].add(t, k, queue.Audit)
		number(logs[i]) // without those of the outbox between them
		logs[i] = relinked(t, k, logs[i])
		_, err := k.Verify(t.Context(), logs[i], "acme")
		require.NoError(t, err)
	}
	faults := map[chain.Fault]int{}
	for i := range 10_000 {
		tampering := tamperings[i%len(tamperings)]
		l := logs[r.IntN(len(logs))].copied()
		tampering.do(r, l)
		_, err := k.Verify(t.Context(), l, "acme")
		var broken *chain.BrokenError
		require.ErrorAs(t, err, &broken, fmt.Sprintf("tampering %d: %s", i, tampering.name))
		faults[broken.Fault]++
	}
	require.Len(t, faults, 6, "%v", faults)
}

// relinked is a log of the same entries, linked as they are now.
func relinked(t *testing.T, k *chain.Keys, l *log) *log {
	t.Helper()
	again := &log{head: chain.Head{Tenant: "acme"}}
	for _, e := range l.rows {
		links, head, err := k.Extend(again.head, []queue.Entry{e.Entry})
		require.NoError(t, err)
		again.rows, again.head = append(again.rows, chain.Entry{Entry: e.Entry, Link: links[0]}), head
	}
	return again
}
