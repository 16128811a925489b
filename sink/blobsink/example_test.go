package blobsink_test

import (
	"context"
	"fmt"
	"io"

	"gocloud.dev/blob/memblob"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
)

// With s3blob, gcsblob or azureblob in the place of memblob the same lines
// write to a cloud.
func Example() {
	ctx := context.Background()
	bucket := memblob.OpenBucket(nil)
	defer func() { _ = bucket.Close() }()

	s, err := blobsink.New(bucket, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := s.Create(ctx, "acme/orders.csv", &sink.CreateOptions{
		ContentType: "text/csv",
		Filename:    "orders.csv",
		SizeHint:    16,
	})
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

	r, err := s.Open(ctx, "acme/orders.csv", 9, -1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	fmt.Printf("%q of %d bytes, %v\n", data, r.Object().Size, err)
	// Output:
	// "1,9.99\n" of 16 bytes, <nil>
}
