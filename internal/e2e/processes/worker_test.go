//go:build unix

// Package processes_test lets several processes share a job store and a folder, and
// kills and stops some of them.
package processes_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A site is what all processes of a test share.
type site struct {
	Store  string // the SQLite file of the jobs
	Rows   string // the SQLite file of the rows
	Folder string // of the files

	Lease, Sweep, CleanAfter time.Duration
}

// A role is what a process is for.
type role struct {
	site
	// Requests is how many requests for one tenant it makes at once. A process
	// without works until it is told to stop.
	Requests int
	// Hold is the point at which it says "held" and waits to be told "go".
	Hold string
}

const roleVariable = "EXPORTYARD_PROCESSES_ROLE"

// TestMain is also every process that a test starts.
func TestMain(m *testing.M) {
	text := os.Getenv(roleVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		err = r.run(context.Background())
	}
	if err != nil {
		say("error: %v", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// say tells the test something in one line.
func say(text string, args ...any) { fmt.Printf(text+"\n", args...) }

// orders gives what the test says, line by line. When the test is gone, so is
// this process.
func orders() <-chan string {
	out := make(chan string, 8)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			out <- lines.Text()
		}
		os.Exit(3)
	}()
	return out
}

func (r role) run(ctx context.Context) error {
	told := orders()
	h := &hold{point: r.Hold, release: make(chan struct{})}
	engine, err := r.engine(ctx, h)
	if err != nil {
		return err
	}
	say("up")
	if r.Requests > 0 {
		<-told
		return json.NewEncoder(os.Stdout).Encode(ask(ctx, engine, r.Requests))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	for order := range told {
		switch order {
		case "go":
			close(h.release)
		case "stop":
			cancel()
			err := <-done
			say("stopped")
			return err
		}
	}
	return nil
}

// engine opens what the processes share.
func (s site) engine(ctx context.Context, h *hold) (*export.Engine, error) {
	rows, err := sql.Open("sqlite", "file:"+s.Rows+"?mode=ro")
	if err != nil {
		return nil, err
	}
	src, err := sqlsource.New(rows, sqlsource.SQLite, []sqlsource.Dataset{runs}, nil)
	if err != nil {
		return nil, err
	}
	jobs, err := sql.Open("sqlite", s.Store)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, jobs, sqlstore.SQLite, nil)
	if err != nil {
		return nil, err
	}
	disk, err := filesink.New(s.Folder, nil)
	if err != nil {
		return nil, err
	}
	config := export.Config{
		Source: src, Store: store, Sink: disk, Formats: []format.Formatter{csvfmt.Format{}},
		PartRows: 100, Lease: s.Lease, Sweep: s.Sweep, CleanAfter: s.CleanAfter, Poll: 100 * time.Millisecond,
	}
	if h != nil {
		config.Source, config.Store, config.Sink = holdingSource{src, h}, holdingStore{store, h}, holdingSink{disk, h}
	}
	return export.New(config)
}

// runs is the one table of the rows.
var runs = sqlsource.Dataset{
	Name: "runs", Table: "runs", Key: []string{"run_id"}, Tenant: "org_id",
	Fields: []source.Field{
		{Name: "run_id", Kind: source.Int64}, {Name: "org_id", Kind: source.String}, {Name: "prompt", Kind: source.String},
	},
}

// answers are what became of requests.
type answers struct {
	Accepted  []string       // ids of jobs
	Conflicts map[string]int // how often a job was named as the active one
	Others    []string       // errors of any other kind
}

func (a *answers) add(b answers) {
	a.Accepted, a.Others = append(a.Accepted, b.Accepted...), append(a.Others, b.Others...)
	if a.Conflicts == nil {
		a.Conflicts = make(map[string]int)
	}
	for id, n := range b.Conflicts {
		a.Conflicts[id] += n
	}
}

// ask makes n requests for one tenant at once.
func ask(ctx context.Context, engine *export.Engine, n int) answers {
	var mu sync.Mutex
	var out answers
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			var one answers
			j, err := engine.Request(ctx, export.Request{Tenant: "tenant-0", All: true, Format: "csv"})
			var refused *export.Error
			switch {
			case err == nil:
				one.Accepted = []string{j.ID}
			case errors.As(err, &refused) && refused.Code == export.CodeConflict:
				one.Conflicts = map[string]int{refused.Job: 1}
			default:
				one.Others = []string{err.Error()}
			}
			mu.Lock()
			defer mu.Unlock()
			out.add(one)
		})
	}
	all.Wait()
	return out
}
