package csvfmt_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/source"
)

// payments is a batch as a source fills it.
func payments() *source.Batch {
	b := source.NewBatch(source.Schema{
		{Name: "id", Kind: source.Int64},
		{Name: "amount", Kind: source.Decimal(12, 2)},
		{Name: "note", Kind: source.String},
	}, 0, 0)
	for i, note := range []string{"rent, May", "=HYPERLINK(\"https://example.org\")", ""} {
		b.Col(0).AppendInt64(9007199254740992 + int64(i))
		b.Col(1).AppendDecimal(source.Int128From(int64(-1250 * i)))
		if err := b.Col(2).AppendString(note); err != nil {
			panic(err)
		}
		b.EndRow()
	}
	b.Col(0).AppendInt64(4)
	b.Col(1).AppendNull()
	b.Col(2).AppendNull()
	b.EndRow()
	return b
}

// lines shows a file without what one does not see: the byte order mark of the
// Excel profile and the CR before each LF.
func lines(file string) string {
	return strings.ReplaceAll(strings.TrimPrefix(file, "\ufeff"), "\r\n", "\n")
}

func ExampleFormat() {
	rows := payments()
	var file bytes.Buffer
	w, err := csvfmt.Format{}.NewWriter(&file, rows.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(errors.Join(w.Write(rows), w.Close()))
	fmt.Println(lines(file.String()))

	// Output:
	// <nil>
	// id,amount,note
	// 9007199254740992,0.00,"rent, May"
	// 9007199254740993,-12.50,"=HYPERLINK(""https://example.org"")"
	// 9007199254740994,-25.00,""
	// 4,,
}

// For a spreadsheet: the formula is guarded, the negative amount is a number.
func ExampleFormat_excel() {
	rows := payments()
	var file bytes.Buffer
	w, err := csvfmt.Format{Profile: csvfmt.Excel}.NewWriter(&file, rows.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(errors.Join(w.Write(rows), w.Close()))
	fmt.Println(lines(file.String()))

	// Output:
	// <nil>
	// id;amount;note
	// 9007199254740992;0.00;rent, May
	// 9007199254740993;-12.50;"'=HYPERLINK(""https://example.org"")"
	// 9007199254740994;-25.00;""
	// 4;;
}

func ExampleUnguard() {
	fmt.Println(csvfmt.Unguard("'=1+1"))
	fmt.Println(csvfmt.Unguard("''quoted'"))
	fmt.Println(csvfmt.Unguard("O'Neill"))

	// Output:
	// =1+1
	// 'quoted'
	// O'Neill
}
