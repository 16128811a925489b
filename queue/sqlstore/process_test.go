package sqlstore_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

var (
	seed   = flag.Uint64("seed", 0, "of the random moments of kills; 0 takes a new one")
	kills  = flag.Int("kills", 3, "how many processes are killed")
	rounds = flag.Int("rounds", 1, "how often the races of the conformance suite are run")
)

// childKey names the environment variable that makes this program one of the
// processes of a test: it is a task.
const childKey = "EXPORTYARD_TEST_CHILD"

func TestMain(m *testing.M) {
	if told := os.Getenv(childKey); told != "" {
		if err := runChild(told); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	status := m.Run()
	stopShared()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			status = 1
		}
	}
	os.Exit(status)
}

func runChild(told string) error {
	var t task
	if err := json.Unmarshal([]byte(told), &t); err != nil {
		return err
	}
	db, err := sql.Open(t.Place.Driver, t.Place.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(12)
	fmt.Println("up")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil { // wait for the start
		return err
	}
	keys, err := chain.NewKeys(keyOf("a"))
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(context.Background(), db, t.Place.Dialect, &sqlstore.Options{AuditKeys: keys})
	if err != nil {
		return err
	}
	roles := map[string]func(store *sqlstore.Store, name string) error{"request": requestOneSlot, "storm": storm}
	return roles[t.Role](store, t.Name)
}

// A task is what a child is for.
type task struct {
	Role, Name string
	Place      place
}

// A child is another process on the same place.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	start func()
}

func startChild(t *testing.T, role string, p place, name string) *child {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	told, err := json.Marshal(task{Role: role, Name: name, Place: p})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childKey+"="+string(told))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{cmd: cmd, lines: bufio.NewScanner(out), start: func() {
		_, err := in.Write([]byte("go\n"))
		require.NoError(t, err)
	}}
	require.Equal(t, "up", c.line())
	return c
}

// line returns the next line that the child prints, or nothing at its end.
func (c *child) line() string {
	if !c.lines.Scan() {
		return ""
	}
	return c.lines.Text()
}

// requestOneSlot sends 250 requests for one slot and prints how they went.
func requestOneSlot(store *sqlstore.Store, name string) error {
	var accepted, conflicts atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, 250)
	for i := range errs {
		all.Go(func() {
			n := draft(fmt.Sprintf("%s-%d", name, i))
			n.Slot, n.IdempotencyKey = "slot", ""
			_, _, err := store.Create(context.Background(), n, entriesOf(n.ID))
			var conflict *queue.ConflictError
			switch {
			case err == nil:
				accepted.Add(1)
			case errors.As(err, &conflict) && conflict.Active.Slot == "slot":
				conflicts.Add(1)
			default:
				errs[i] = err
			}
		})
	}
	all.Wait()
	fmt.Println(accepted.Load(), conflicts.Load())
	return errors.Join(errs...)
}

// Four processes open one new file and send 1,000 requests for one slot.
func TestR1_FourProcesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		children := make([]*child, 4)
		for i := range children {
			children[i] = startChild(t, "request", p, fmt.Sprint("p", i))
		}
		for _, c := range children {
			c.start()
		}
		accepted, conflicts := 0, 0
		for _, c := range children {
			line := c.line()
			var a, b int
			_, err := fmt.Sscan(line, &a, &b)
			require.NoError(t, err, "a process said %q", line)
			accepted, conflicts = accepted+a, conflicts+b
			for rest := c.line(); rest != ""; rest = c.line() {
				t.Error(rest) // "database is locked" would come here
			}
			require.NoError(t, c.cmd.Wait())
		}
		require.Equal(t, 1, accepted)
		require.Equal(t, 999, conflicts)
		entries, err := p.open(t, nil).Entries(t.Context(), "acme", queue.Audit, 0, 10)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}

// storm takes jobs through their lives, as many as it can, until it is killed. It
// prints each answer of the store once it has it.
func storm(store *sqlstore.Store, name string) error {
	ctx := context.Background()
	var out sync.Mutex
	say := func(words ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(words...)
	}
	errs := make([]error, 4)
	var all sync.WaitGroup
	for w := range errs {
		all.Go(func() {
			for i := 0; errs[w] == nil; i++ {
				id := fmt.Sprintf("%s-%d-%d", name, w, i)
				_, _, err := store.Create(ctx, draft(id), entriesOf(id))
				if err == nil {
					say("created", id)
					err = workOnce(ctx, store, id, say)
				}
				if err != nil {
					errs[w] = err
					say("error", err)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// workOnce does what is there to do, whoever made it.
func workOnce(ctx context.Context, store *sqlstore.Store, id string, say func(...any)) error {
	claimed, err := store.Claim(ctx, queue.Claim{Worker: id, Limit: 3, Lease: time.Minute})
	if err != nil {
		return err
	}
	for _, c := range claimed {
		f := queue.Finish{Tenant: "acme", Job: c.Job.ID, Number: c.Part.Number, Fence: c.Part.Fence, Outcome: queue.Seal, Rows: 1}
		entry := fmt.Sprintf("%s/%d", c.Job.ID, c.Part.Number)
		if c.Part.Kind == queue.PlanPart {
			f.Planned = planned(20)
		}
		if _, err := store.Finish(ctx, f, []queue.Entry{{ID: entry, Kind: queue.Audit, Tenant: "acme", Job: c.Job.ID, Type: "sealed"}}); err != nil {
			return err
		}
		say("sealed", entry)
	}
	return nil
}

// Processes are killed in the middle of a storm of writes. The file stays whole, all
// that was answered is there, nothing is half there, and the audit log is one chain.
func TestKilledProcessesLeaveNothingHalf(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		from := *seed
		if from == 0 {
			from = rand.Uint64()
		}
		t.Logf("-seed %d", from)
		random := rand.New(rand.NewPCG(from, 0))
		answered := map[string]bool{}
		note := func(line string) {
			require.False(t, strings.HasPrefix(line, "error"), line)
			answered[line] = true
		}
		for kill := range *kills {
			one, two := startChild(t, "storm", p, fmt.Sprint("a", kill)), startChild(t, "storm", p, fmt.Sprint("b", kill))
			one.start()
			two.start()
			for range 20 + random.IntN(20) {
				line := one.line()
				require.NotEmpty(t, line)
				note(line)
			}
			for _, c := range []*child{one, two} {
				require.NoError(t, c.cmd.Process.Kill())
				for line := c.line(); strings.Count(line, " ") == 1; line = c.line() {
					note(line)
				}
				require.Error(t, c.cmd.Wait())
			}
		}
		db := p.db(t)
		store, err := sqlstore.Open(t.Context(), db, p.Dialect, &sqlstore.Options{Exclusive: true, AuditKeys: keysOf(t, "a")})
		require.NoError(t, err)
		if p.Dialect == sqlstore.SQLite {
			var whole string
			require.NoError(t, db.QueryRowContext(t.Context(), "pragma integrity_check").Scan(&whole))
			require.Equal(t, "ok", whole)
		}
		wholeness(t, db)
		head, err := store.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, list(t, db, "select id from exportyard_entry where kind = 'audit'"), int(head.Number))
		created, sealed := list(t, db, "select id from exportyard_job"), list(t, db, "select id from exportyard_entry where type = 'sealed'")
		for line := range answered {
			what, id, _ := strings.Cut(line, " ")
			require.True(t, what == "created" && created[id] || what == "sealed" && sealed[id], "%s is lost", line)
		}
		require.Greater(t, len(answered), 20**kills)
	})
}

// wholeness checks that the rows that are written together are there together.
func wholeness(t *testing.T, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"a job without its parts": `select count(*) from exportyard_job j
			where j.parts <> (select count(*) from exportyard_part p where p.job = j.ord)`,
		"a job whose sealed parts are not counted": `select count(*) from exportyard_job j
			where j.parts_sealed <> (select count(*) from exportyard_part p where p.job = j.ord and p.state = 'sealed')`,
		"a job whose rows are not counted": `select count(*) from exportyard_job j
			where j.sealed_rows <> (select count(*) from exportyard_part p where p.job = j.ord and p.state = 'sealed' and p.kind = 'rows')`,
		"a job without its two entries": `select count(*) from exportyard_job j
			where (select count(*) from exportyard_entry e where e.job = j.id and e.type = 'test') <> 2`,
		"an entry without its job": `select count(*) from exportyard_entry e where not exists (select 1 from exportyard_job j where j.id = e.job)`,
		"a sealed part without its entry": `select abs((select count(*) from exportyard_part where state = 'sealed')
			- (select count(*) from exportyard_entry where type = 'sealed'))`,
		"a planned job that is not running": `select count(*) from exportyard_job j where (j.state = 'pending') <>
			(select p.state <> 'sealed' from exportyard_part p where p.job = j.ord and p.number = 0)`,
		"a counter that is off": `select abs(jobs - (select count(*) from exportyard_job)) + abs(entries - (select count(*) from exportyard_entry))
			from exportyard_tenant`,
		"a job that hides what is ready, or promises what is not": `select count(*) from exportyard_job j where j.state in ('pending', 'running')
			and (j.ready = 1) <> exists (select 1 from exportyard_part p where p.job = j.ord and p.state = 'ready' and p.suspect = 0
				and (p.kind <> 'seal' or j.parts_sealed = j.parts - 1))`,
		"a lease after an exclusive opening": `select count(*) from exportyard_part where state = 'leased'`,
	} {
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
		require.Zero(t, n, what)
	}
}

func list(t *testing.T, db *sql.DB, query string) map[string]bool {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		found[id] = true
	}
	require.NoError(t, rows.Err())
	return found
}
