package jsonfmt_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/source"
)

// runs is a batch as a source fills it.
func runs() *source.Batch {
	b := source.NewBatch(source.Schema{
		{Name: "id", Kind: source.Int64},
		{Name: "cost", Kind: source.Decimal(12, 4)},
		{Name: "title", Kind: source.String},
		{Name: "settings", Kind: source.JSON},
	}, 0, 0)
	for i, title := range []string{"a < b & c", "line\nbreak"} {
		b.Col(0).AppendInt64(9007199254740992 + int64(i))
		b.Col(1).AppendDecimal(source.Int128From(125_000))
		if err := errors.Join(b.Col(2).AppendString(title), b.Col(3).AppendString(`{"t": 0.10}`)); err != nil {
			panic(err)
		}
		b.EndRow()
	}
	return b
}

func ExampleLines() {
	rows := runs()
	w, err := jsonfmt.Lines{}.NewWriter(os.Stdout, rows.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(errors.Join(w.Write(rows), w.Close()))

	// Output:
	// {"id":9007199254740992,"cost":12.5000,"title":"a < b & c","settings":{"t": 0.10}}
	// {"id":9007199254740993,"cost":12.5000,"title":"line\nbreak","settings":{"t": 0.10}}
	// <nil>
}

// One dataset is an array.
func ExampleDocument() {
	rows := runs()
	w, err := jsonfmt.Document{WideAsStrings: true}.NewWriter(os.Stdout, rows.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(errors.Join(w.Write(rows), w.Close()))

	// Output:
	// [
	// {"id":"9007199254740992","cost":"12.5000","title":"a < b & c","settings":{"t": 0.10}},
	// {"id":"9007199254740993","cost":"12.5000","title":"line\nbreak","settings":{"t": 0.10}}
	// ]
	// <nil>
}

// Several datasets are the keys of one object.
func ExampleDocument_snapshot() {
	var f jsonfmt.Document
	rows := runs().Project(1)
	blocks, err := f.Blocks(rows.Schema())
	if err != nil {
		panic(err)
	}
	file := f.AppendDocumentStart(nil)
	for i, name := range []string{"runs", "archive"} {
		file = blocks.AppendHeader(f.AppendDatasetStart(file, i, name))
		if name == "runs" {
			if file, err = blocks.AppendRows(file, rows); err != nil {
				panic(err)
			}
		}
		file = blocks.AppendFooter(file)
	}
	fmt.Printf("%s", f.AppendDocumentEnd(file))

	// Output:
	// {
	// "runs":[
	// {"id":9007199254740992},
	// {"id":9007199254740993}
	// ]
	// ,"archive":[
	// ]
	// }
}
