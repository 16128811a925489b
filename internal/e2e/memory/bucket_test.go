package memory_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
)

// sink opens where the files go.
func (t task) sink(ctx context.Context) (sink.Sink, error) {
	if t.Bucket.Bucket == "" {
		return filesink.New(t.Folder, nil)
	}
	client := t.Bucket.Client(&http.Client{Transport: t.Bucket.Transport()}, 3)
	bucket, err := s3blob.OpenBucket(ctx, client, t.Bucket.Bucket, nil)
	if err != nil {
		return nil, err
	}
	var opts blobsink.Options
	if t.Budget > 0 {
		opts.Budget = blobsink.NewBudget(t.Budget)
	}
	return blobsink.New(bucket, &opts)
}

// datasets are as many as parts are done at once, which share the rows.
func (t task) datasets() (source.Source, error) {
	var all []source.Source
	for i := range t.Parts {
		one, err := calls(fmt.Sprint("calls_", i), t.Rows/t.Parts)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return source.Merge(all...)
}

// fourUploads is the budget of four uploads at once, and goLimit is for all of the
// process: without, Go lets its heap grow to twice what is alive.
const (
	fourUploads = 128 << 20
	goLimit     = "GOMEMLIMIT=160MiB"
)

// Four parts are done at once and uploaded to S3, each in parts of its own, within
// 256 MB, and with ten times the rows in hardly more.
func TestR21_MemoryOfFourPartsToS3(t *testing.T) {
	small, large := 240_000, 400_000
	if full() {
		small, large = 1_000_000, 10_000_000
	}
	var before cost
	for _, rows := range []int{small, large} {
		c := measure(t, task{
			Rows: rows, Parts: 4, Budget: fourUploads, Bucket: server.StartS3(t), Format: "csv", Compression: format.None,
		}, twoCores, goLimit)
		c.requireWithin(t, 256, 0.2)
		if before.Peak > 0 && full() {
			require.LessOrEqual(t, c.Peak, before.Peak+32<<20, "with %d rows, against %d", large, small)
		}
		before = c
	}
}
