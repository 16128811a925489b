package notify_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// childKey names the environment variable that makes this program a courier: the store's
// file, the receiver, how far the store's clock is ahead in minutes, and at which step,
// counted from 1, it is killed.
const childKey = "EXPORTYARD_TEST_COURIER"

func TestMain(m *testing.M) {
	if child := strings.Split(os.Getenv(childKey), "|"); len(child) == 4 {
		if err := courier(child[0], child[1], child[2], child[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// A mortal process kills itself at a step.
type mortal struct {
	*sqlstore.Store
	notify.Notifier
	at, step int
}

// step counts, and dies in the middle of everything, as by kill -9.
func (m *mortal) next() {
	m.step++
	if m.step != m.at {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the kill arrives
}

func (m *mortal) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
	m.next()
	defer m.next()
	return m.Store.ClaimOutbox(ctx, c)
}

func (m *mortal) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	m.next()
	defer m.next()
	return m.Store.Get(ctx, tenant, id)
}

func (m *mortal) SettleOutbox(ctx context.Context, s queue.Settle) error {
	m.next()
	defer m.next()
	return m.Store.SettleOutbox(ctx, s)
}

func (m *mortal) Deliver(ctx context.Context, msg notify.Message) error {
	m.next()
	defer m.next()
	return m.Notifier.Deliver(ctx, msg)
}

func openStore(ctx context.Context, path string, ahead time.Duration) (*sqlstore.Store, *sql.DB, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, &sqlstore.Options{Skew: func() time.Duration { return ahead }})
	return store, db, err
}

// courier delivers what is due, and is killed meanwhile.
func courier(path, url, ahead, at string) error {
	minutes, err := strconv.Atoi(ahead)
	if err != nil {
		return err
	}
	die, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	ctx := context.Background()
	store, db, err := openStore(ctx, path, time.Duration(minutes)*time.Minute)
	if err != nil {
		return err
	}
	defer db.Close()
	hook, err := webhookTo(url, nil, notify.NewSecret())
	if err != nil {
		return err
	}
	m := &mortal{Store: store, Notifier: hook, at: die}
	c, err := notify.New(m, map[string]notify.Notifier{"webhook": m}, &notify.Options{MaxAge: 10_000 * time.Hour})
	if err != nil {
		return err
	}
	return c.Drain(ctx)
}

// Couriers are killed between every two steps, again and again: each event arrives, under
// the same ID whenever it arrives twice.
func TestR39_KilledCouriersLoseNothing(t *testing.T) {
	t.Parallel()
	const steps, each = 8, 2 // of one event; events for each life
	lives := 3 * steps
	if full() {
		lives = 500
	}
	r := newReceiver(t)
	path := filepath.Join(t.TempDir(), "jobs.sqlite")
	store, db, err := openStore(t.Context(), path, 0)
	require.NoError(t, err)
	defer db.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	live := func(life, die int) error {
		cmd := exec.CommandContext(t.Context(), self)
		// Each life begins long after the claims of the one before have ended.
		cmd.Env = append(os.Environ(), childKey+"="+strings.Join([]string{path, r.URL, strconv.Itoa(10 * life), strconv.Itoa(die)}, "|"))
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	want := map[string]bool{}
	for life := range lives {
		for i := range each {
			id := fmt.Sprintf("event-%d-%d", life, i)
			want["msg_"+id] = true
			_, err := store.Update(t.Context(), queue.Update{}, []queue.Entry{{
				ID: id, Kind: queue.Outbox, Tenant: "acme", Actor: "ann", Job: "job", Type: "export.failed",
				Data: queue.Payload{Version: 1, Data: []byte(`{"message":"the bucket is full"}`)},
			}})
			require.NoError(t, err)
		}
		var died *exec.ExitError
		require.ErrorAs(t, live(life, 1+life%(steps*each)), &died)
		require.Equal(t, -1, died.ExitCode(), "it was killed")
	}
	require.NoError(t, live(lives, 0))
	seen := map[string]string{}
	twice := 0
	for _, got := range r.got() {
		id := got.header.Get("webhook-id")
		require.True(t, want[id], "%s was never an event", id)
		body, again := seen[id]
		if again {
			twice++
			require.Equal(t, body, string(got.body))
		}
		seen[id] = string(got.body)
	}
	require.Len(t, seen, len(want), "events are lost")
	require.Positive(t, twice, "nobody was killed between sending and noting so")
	require.LessOrEqual(t, twice, lives, "a life costs one event a second delivery at most")
	age, err := store.OutboxAge(t.Context())
	require.NoError(t, err)
	require.Zero(t, age)
}
