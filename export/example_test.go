package export_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source/slicesource"
)

// An export from Go values to memory: everything that a host wires, in its
// smallest form.
func Example() {
	type order struct {
		ID     int64     `export:"order_id,key"`
		Shop   string    `export:"shop,tenant"`
		Amount string    `export:"amount,decimal(10,2)"`
		Paid   time.Time `export:"paid,time"`
	}
	src, err := slicesource.New("orders", []order{
		{1, "acme", "19.90", time.Date(2026, 10, 1, 9, 30, 0, 0, time.UTC)},
		{2, "globex", "5.00", time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC)},
		{3, "acme", "7.25", time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)},
	}, nil)
	must(err)
	files, err := memsink.New(nil)
	must(err)
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: files, Formats: []format.Formatter{csvfmt.Format{}},
	})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()

	job, err := engine.Request(ctx, export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Day})
	must(err)
	for job, err = range engine.Watch(ctx, job.Tenant, job.ID, time.Second) {
		must(err)
	}
	manifest, err := engine.Verify(ctx, "acme", job.ID)
	must(err)
	for i, f := range manifest.Files {
		file, err := engine.Download(ctx, export.Download{Tenant: "acme", Job: job.ID, File: i, Actor: "ann"})
		must(err)
		content, err := io.ReadAll(file)
		must(err)
		must(file.Close())
		fmt.Printf("%s\n%s", f.Name, strings.ReplaceAll(string(content), "\r\n", "\n"))
	}
	stop()
	must(<-done)
	// Output:
	// orders_2026-10-01.csv
	// order_id,shop,amount,paid
	// 1,acme,19.90,2026-10-01T09:30:00Z
	// orders_2026-10-02.csv
	// order_id,shop,amount,paid
	// 3,acme,7.25,2026-10-02T00:00:00Z
}

// A request that cannot be taken says everything that is wrong with it, in a
// form for programs and in one for people.
func ExampleError() {
	type order struct {
		ID   int64  `export:"order_id,key"`
		Shop string `export:"shop,tenant"`
		Card string `export:"card,secret"`
	}
	src, err := slicesource.New("orders", []order{}, nil)
	must(err)
	files, err := memsink.New(nil)
	must(err)
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: files, Formats: []format.Formatter{csvfmt.Format{}},
	})
	must(err)
	_, err = engine.Request(context.Background(), export.Request{
		Tenant: "acme", Datasets: []export.Selection{{Name: "orders", Columns: []string{"card"}}}, Format: "csv", Interval: "decade",
	})
	var refused *export.Error
	if errors.As(err, &refused) {
		for _, p := range refused.Problems {
			fmt.Printf("%s: %s: %s\n", p.Field, p.Code, p.Message)
		}
	}
	// Output:
	// interval: unknown_interval: "decade" is not an interval
	// datasets[0].columns[0]: secret_field: field "card" of dataset "orders" is secret
}

// A schedule makes an export every night, and keeps one for each of seven days and
// twelve months.
func ExampleEngine_Schedules() {
	type order struct {
		ID   int64     `export:"order_id,key"`
		Shop string    `export:"shop,tenant"`
		Paid time.Time `export:"paid,time"`
	}
	src, err := slicesource.New("orders", []order{}, nil)
	must(err)
	files, err := memsink.New(nil)
	must(err)
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: files, Formats: []format.Formatter{csvfmt.Format{}},
	})
	must(err)
	nightly, _, err := engine.Schedules().Create(context.Background(), export.Schedule{
		ID: "nightly", Tenant: "acme", Owner: "ann@acme.example",
		Timing: export.DailyAt2, Zone: "Europe/Berlin", Range: export.PreviousDay,
		Retention: &export.Retention{Daily: 7, Monthly: 12},
		Request:   &export.Request{All: true, Format: "csv", Compression: export.Gzip},
	}, "ann@acme.example")
	must(err)
	fmt.Println(nightly.State, nightly.Timing, !nightly.NextRun.IsZero())
	// Output: active daily-02:00 true
}
