// Package s3_test drives sinks and the engine over a real store that speaks S3's
// protocol, and over a proxy that breaks what goes through it.
package s3_test

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
	"github.com/exportyard/exportyard/sink/sinktest"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// part is the size of a part of an upload here, the least that S3 takes.
// threshold is from how many bytes on the driver uploads in parts at all.
const (
	part      = 5 << 20
	threshold = 16 << 20
)

// A bucket is one of the store, as a sink and as the store itself sees it.
type bucket struct {
	*blobsink.Sink
	client  *s3.Client
	name    string
	uploads *s3uploads.Uploads
}

// open makes a sink of a bucket, whose client tries each request so many times.
func open(t *testing.T, at server.S3, tries int) *bucket {
	t.Helper()
	transport := at.Transport()
	if at.Endpoint != "" {
		transport.ResponseHeaderTimeout = headerTimeout
	}
	t.Cleanup(transport.CloseIdleConnections)
	client := at.Client(&http.Client{Transport: transport}, tries)
	b, err := s3blob.OpenBucket(context.Background(), client, at.Bucket, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	uploads, err := s3uploads.New(client, at.Bucket, nil)
	require.NoError(t, err)
	s, err := blobsink.New(b, &blobsink.Options{PartSize: part, Uploads: uploads})
	require.NoError(t, err)
	return &bucket{Sink: s, client: client, name: at.Bucket, uploads: uploads}
}

// unfinished counts the uploads in parts that the store keeps.
func (b *bucket) unfinished(ctx context.Context) (n int, err error) {
	for _, err := range b.uploads.List(ctx, "") {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// abandon begins an upload in parts, and sends one, as a process does that is
// killed in the middle of it.
func (b *bucket) abandon(ctx context.Context, key string) error {
	made, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return err
	}
	_, err = b.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: aws.String(b.name), Key: aws.String(key), UploadId: made.UploadId, PartNumber: aws.Int32(1),
	})
	return err
}

func harness(t *testing.T) sinktest.Harness {
	b := open(t, server.StartS3(t), 3)
	return sinktest.Harness{Sink: b, Leftovers: b.unfinished, Abandon: b.abandon, Large: threshold + part + 1}
}

func TestConformanceS3(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, harness)
}

// TestR25_S3InterruptedAtParts: wherever an upload in parts ends early, the store
// lists none afterwards.
func TestR25_S3InterruptedAtParts(t *testing.T) {
	t.Parallel()
	points := []int{0, 1, part - 1, part, part + 1, threshold - 1, threshold, threshold + 1, 30 << 20}
	if testing.Short() {
		points = []int{part, threshold + 1}
	}
	sinktest.Interrupt(t, harness, points...)
}
