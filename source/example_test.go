package source_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// One catalog of what lies in several places.
func ExampleMerge() {
	type run struct {
		ID  int64  `export:",key"`
		Org string `export:",tenant"`
	}
	type invoice struct {
		Number string `export:",key"`
		Org    string `export:",tenant"`
		Total  string `export:",decimal(12,2)"`
	}
	runs, err := slicesource.New("runs", []run{{1, "acme"}, {2, "acme"}, {3, "globex"}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	invoices, err := slicesource.New("invoices", []invoice{{"A-1", "acme", "12.50"}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	all, err := source.Merge(runs, invoices)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	datasets, err := all.Datasets(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range datasets {
		n, err := source.Count(ctx, all, source.Query{Tenant: "acme", Dataset: d.Name, Columns: d.Schema.Names()})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Name, d.Schema.Names(), n)
	}
	// Output:
	// runs [id org] 2
	// invoices [number org total] 1
}
