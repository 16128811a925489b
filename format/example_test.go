package format_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/exportyard/exportyard/format"
)

// Two workers have each stored a segment. A third puts them into one document,
// without compressing a byte of theirs again.
func ExampleJoiner() {
	store := func(rows string) (file []byte, raw format.Sum) {
		packer, err := format.NewPacker(format.Gzip, 0)
		if err != nil {
			panic(err)
		}
		file = format.Gzip.AppendStart(nil)
		if file, err = packer.AppendBlock(file, []byte(rows)); err != nil {
			panic(err)
		}
		raw = format.SumOf([]byte(rows))
		return format.Gzip.AppendEnd(file, raw), raw
	}
	first, firstSum := store(`{"id":1}`)
	second, secondSum := store(`{"id":2}`)

	var file bytes.Buffer
	j := format.NewJoiner(&file, format.Gzip)
	// An error of any step comes again from the next ones and from Close.
	_ = j.Literal([]byte("[\n"))
	_ = j.Segment(bytes.NewReader(first), int64(len(first)), firstSum)
	_ = j.Literal([]byte(",\n"))
	_ = j.Segment(bytes.NewReader(second), int64(len(second)), secondSum)
	_ = j.Literal([]byte("\n]\n"))
	sum, err := j.Close()
	fmt.Println(sum.Bytes, "bytes", err)

	r, err := gzip.NewReader(&file)
	if err != nil {
		panic(err)
	}
	content, err := io.ReadAll(r)
	fmt.Printf("%s%v\n", content, err)

	// Output:
	// 23 bytes <nil>
	// [
	// {"id":1},
	// {"id":2}
	// ]
	// <nil>
}
