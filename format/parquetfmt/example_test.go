package parquetfmt_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/parquet-go/parquet-go"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

func Example() {
	schema := source.Schema{
		{Name: "run", Kind: source.Int64, Required: true},
		{Name: "cost", Kind: source.Decimal(12, 4)},
		{Name: "model", Kind: source.String},
	}
	b := source.NewBatch(schema, 0, 0)
	for i := range 1000 {
		b.Col(0).AppendInt64(int64(i))
		b.Col(1).AppendDecimal(source.Int128From(int64(i) * 125))
		if err := b.Col(2).AppendString("small"); err != nil {
			log.Fatal(err)
		}
		b.EndRow()
	}

	var file bytes.Buffer
	w, err := parquetfmt.Format{RowGroupRows: 400}.NewWriter(&file, schema)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.NumRows(), "rows in", len(f.RowGroups()), "row groups")
	fmt.Println(f.Schema())
	// Output:
	// 1000 rows in 3 row groups
	// message schema {
	// 	required int64 run (INT(64,true));
	// 	optional int64 cost (DECIMAL(12,4));
	// 	optional binary model (STRING);
	// }
}
