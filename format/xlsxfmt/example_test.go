package xlsxfmt_test

import (
	"bytes"
	"fmt"
	"log"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

// A number that a spreadsheet would round is a text, and a text that it would run
// is a text all the same.
func Example() {
	schema := source.Schema{
		{Name: "account", Kind: source.Int64},
		{Name: "balance", Kind: source.Decimal(12, 2)},
		{Name: "opened", Kind: source.Date},
		{Name: "note", Kind: source.String},
	}
	b := source.NewBatch(schema, 0, 0)
	for _, row := range [][]string{
		{"4711", "12.50", "2026-10-25", "=1+1"},
		{"123456789012345678", "-0.05", "1899-12-31", "plain"},
	} {
		for c, text := range row {
			if err := source.ParseText(b.Col(c), text); err != nil {
				log.Fatal(err)
			}
		}
		b.EndRow()
	}

	var file bytes.Buffer
	w, err := xlsxfmt.Format{Sheet: "Accounts"}.NewWriter(&file, schema)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	sheets, err := readBook(file.Bytes()) // any reader of XLSX
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range sheets {
		fmt.Println(s.name)
		for _, row := range s.rows {
			var cells []string
			for _, cell := range row {
				if cell.kind == "inlineStr" {
					cell.text = strconv.Quote(cell.text)
				}
				cells = append(cells, cell.text)
			}
			fmt.Println(strings.Join(cells, " | "))
		}
	}
	// Output:
	// Accounts
	// "account" | "balance" | "opened" | "note"
	// 4711 | 12.5 | 46320 | "=1+1"
	// "123456789012345678" | -0.05 | "1899-12-31" | "plain"
}

// An archive holds a sheet for each dataset. The engine packs blocks of rows on
// all cores; here there is one.
func ExampleFormat_NewArchive() {
	var file bytes.Buffer
	a := xlsxfmt.Format{}.NewArchive(&file)
	for _, name := range []string{"runs", "Runs", "a/b"} {
		if err := a.Dataset(name, source.Schema{{Name: "id", Kind: source.Int64}}); err != nil {
			log.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		log.Fatal(err)
	}
	sheets, err := readBook(file.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range sheets {
		fmt.Println(s.name)
	}
	// Output:
	// runs
	// Runs (2)
	// a_b
}
