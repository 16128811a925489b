package s3uploads_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
)

// A sink of a bucket of S3 that leaves no unfinished upload behind.
func Example() {
	fmt.Println(open(context.Background(), s3.New(s3.Options{Region: "eu-central-1"})))
	// Output: <nil>
}

func open(ctx context.Context, client *s3.Client) error {
	const name = "exports"
	bucket, err := s3blob.OpenBucket(ctx, client, name, nil)
	if err != nil {
		return err
	}
	uploads, err := s3uploads.New(client, name, nil)
	if err == nil {
		_, err = blobsink.New(bucket, &blobsink.Options{Uploads: uploads})
	}
	return errors.Join(err, bucket.Close())
}
