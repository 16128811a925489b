package filesink_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/exportyard/exportyard/sink/filesink"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "exports")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	s, err := filesink.New(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()

	w, err := s.Create(ctx, "acme/orders.csv", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Abort() }()
	fmt.Fprint(w, "id,total\n1,9.99\n")
	if err := w.Commit(); err != nil {
		fmt.Println(err)
		return
	}

	for obj, err := range s.List(ctx, "acme/") {
		fmt.Println(obj.Key, obj.Size, err)
	}
	r, err := s.Open(ctx, "acme/orders.csv", 9, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	fmt.Printf("%q %v\n", data, err)
	// Output:
	// acme/orders.csv 16 <nil>
	// "1,9.99" <nil>
}
