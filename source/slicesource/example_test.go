package slicesource_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// Run is a record of an application.
type Run struct {
	ID      int64     `export:"run_id,key"`
	Org     string    `export:"org_id,tenant"`
	Created time.Time `export:",time,round"`
	Email   *string   `export:"user_email,subject,personal"`
	Cost    string    `export:"credit_cost,decimal(12,4)"`
	Debug   any       `export:"-"`
}

func Example() {
	ann := "ann@acme.example"
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	runs, err := slicesource.New("runs", []Run{
		{ID: 2, Org: "acme", Created: at.Add(time.Hour), Cost: "1"},
		{ID: 1, Org: "acme", Created: at, Email: &ann, Cost: "0.0125"},
		{ID: 3, Org: "globex", Created: at, Cost: "7"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	print(runs, source.Query{Tenant: "acme", Dataset: "runs", Columns: []string{"run_id", "created", "user_email", "credit_cost"}})
	// Output:
	// 1 2026-03-01T09:30:00Z ann@acme.example 0.0125
	// 2 2026-03-01T10:30:00Z  1.0000
}

// A remote interface is read page by page, from where the query begins.
func ExampleNewFunc() {
	fetch := func(ctx context.Context, tenant string, page int) ([]Run, error) {
		if page == 2 || ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return []Run{
			{ID: int64(10*page + 1), Org: tenant, Cost: "1.5"},
			{ID: int64(10*page + 2), Org: tenant, Cost: "2.5"},
		}, nil
	}
	runs, err := slicesource.NewFunc("runs", func(ctx context.Context, q source.Query) iter.Seq2[Run, error] {
		return func(yield func(Run, error) bool) {
			for page := 0; ; page++ {
				runs, err := fetch(ctx, q.Tenant, page)
				if err != nil {
					yield(Run{}, err)
					return
				}
				for _, run := range runs {
					if !yield(run, nil) {
						return
					}
				}
				if len(runs) == 0 {
					return
				}
			}
		}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	print(runs, source.Query{Tenant: "acme", Dataset: "runs", Columns: []string{"run_id", "credit_cost"}, After: source.Key{"1"}})
	// Output:
	// 2 2.5000
	// 11 1.5000
	// 12 2.5000
}

func print(src source.Source, q source.Query) {
	err := source.Each(context.Background(), src, q, func(b *source.Batch) error {
		for row := range b.Len() {
			for col := range b.Schema() {
				if col > 0 {
					fmt.Print(" ")
				}
				fmt.Printf("%s", source.AppendText(nil, b.Col(col), row))
			}
			fmt.Println()
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}
