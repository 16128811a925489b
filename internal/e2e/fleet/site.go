// Package fleet is the program of the workers that tests start, kill and stop: an
// engine over PostgreSQL, S3 and a SQLite file of rows. A worker ends with the test
// that started it.
package fleet

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	// The drivers of the job store and of the rows.
	_ "github.com/jackc/pgx/v5/stdlib"
	"gocloud.dev/blob/s3blob"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A Site is what all processes of a test share.
type Site struct {
	Jobs   string // how to connect to the PostgreSQL of the jobs
	Rows   string // the SQLite file of the rows
	Bucket server.S3

	Lease, Sweep, CleanAfter time.Duration
}

// A Role is what a worker is for.
type Role struct {
	Site
	// Die is the point at which it kills itself; empty for none.
	Die string
	// Migrate lets it bring the tables of the jobs up to date, and end.
	Migrate bool
}

// Variable is the environment variable that makes a program a worker: its role.
const Variable = "EXPORTYARD_FLEET_ROLE"

// Main is the whole of a worker, when the environment makes this program one.
func Main() {
	text := os.Getenv(Variable)
	if text == "" {
		return
	}
	var r Role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		err = r.work(context.Background())
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// work runs an engine until it is told to stop.
func (r Role) work(ctx context.Context) error {
	if r.Migrate {
		return r.migrate(ctx)
	}
	told := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			close(told)
			return
		}
		os.Exit(3) // the test is gone
	}()
	engine, err := r.Engine(ctx, r.Die)
	if err != nil {
		return err
	}
	fmt.Println("up")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	<-told
	cancel()
	err = <-done
	fmt.Println("stopped")
	return err
}

func (s Site) migrate(ctx context.Context) error {
	db, err := sql.Open("pgx", s.Jobs)
	if err != nil {
		return err
	}
	return errors.Join(sqlstore.Migrate(ctx, db, sqlstore.PostgreSQL), db.Close())
}

// Engine opens what the processes share. An engine with a point to die at kills its
// process there.
func (s Site) Engine(ctx context.Context, die string) (*export.Engine, error) {
	src, err := s.Source()
	if err != nil {
		return nil, err
	}
	store, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	bucket, _, err := s.Sink(ctx)
	if err != nil {
		return nil, err
	}
	c := export.Config{
		Source: src, Store: store, Sink: bucket, Formats: []format.Formatter{csvfmt.Format{}}, PartRows: 100, Workers: 1,
		Lease: s.Lease, Sweep: s.Sweep, CleanAfter: s.CleanAfter, Poll: 50 * time.Millisecond, Grace: 5 * time.Second,
		// Killing is what these tests do: no job may fail for it.
		MaxCrashes: 1000, MaxAttempts: 1000, RetryBase: 10 * time.Millisecond, RetryCap: 200 * time.Millisecond,
	}
	if die != "" {
		v := &victim{point: die}
		c.Parts = 1 // so that it knows what it works on
		c.Source, c.Store, c.Sink = victimSource{src, v}, victimStore{store, v}, victimSink{bucket, v}
	}
	return export.New(c)
}

// Runs is the one table of the rows.
var Runs = sqlsource.Dataset{
	Name: "runs", Table: "runs", Key: []string{"run_id"}, Tenant: "org_id",
	Fields: []source.Field{
		{Name: "run_id", Kind: source.Int64}, {Name: "org_id", Kind: source.String}, {Name: "prompt", Kind: source.String},
	},
}

// Source opens the rows.
func (s Site) Source() (*sqlsource.Source, error) {
	db, err := sql.Open("sqlite", "file:"+s.Rows+"?mode=ro")
	if err != nil {
		return nil, err
	}
	return sqlsource.New(db, sqlsource.SQLite, []sqlsource.Dataset{Runs}, nil)
}

// Store opens the jobs, over as few connections as will do.
func (s Site) Store(ctx context.Context) (*sqlstore.Store, error) {
	db, err := sql.Open("pgx", s.Jobs)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	return sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
}

// Sink opens the bucket, and what finds unfinished uploads in it.
func (s Site) Sink(ctx context.Context) (*blobsink.Sink, *s3uploads.Uploads, error) {
	transport := s.Bucket.Transport()
	transport.ResponseHeaderTimeout = 5 * time.Second
	client := s.Bucket.Client(&http.Client{Transport: transport}, 3)
	bucket, err := s3blob.OpenBucket(ctx, client, s.Bucket.Bucket, nil)
	if err != nil {
		return nil, nil, err
	}
	uploads, err := s3uploads.New(client, s.Bucket.Bucket, nil)
	if err != nil {
		return nil, nil, errors.Join(err, bucket.Close())
	}
	sink, err := blobsink.New(bucket, &blobsink.Options{PartSize: 5 << 20, Uploads: uploads})
	return sink, uploads, err
}
