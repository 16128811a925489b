package blobsink_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
	"github.com/exportyard/exportyard/sink/sinktest"
)

// s3Part is the size of a part here. s3Threshold is from how many bytes on the
// driver uploads in parts at all.
const (
	s3Part      = 5 << 20
	s3Threshold = 16 << 20
)

// s3Store is a store in this process that speaks S3's protocol.
type s3Store struct {
	bucket  *blob.Bucket
	uploads s3Uploads
	begun   chan struct{} // gets one for each upload in parts that is begun, up to its capacity
	deny    atomic.Int32  // how many requests to abort an upload are still refused
}

func newS3Store(t *testing.T) *s3Store {
	t.Helper()
	store := &s3Store{begun: make(chan struct{}, 10)}
	fake := gofakes3.New(s3mem.New()).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && r.URL.Query().Has("uploadId") && store.deny.Add(-1) >= 0 {
			http.Error(w, "", http.StatusForbidden)
			return
		}
		fake.ServeHTTP(w, r)
		if r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
			select {
			case store.begun <- struct{}{}:
			default:
			}
		}
	}))
	t.Cleanup(server.Close)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	client := s3.New(s3.Options{
		BaseEndpoint:               aws.String(server.URL),
		Credentials:                credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:                 &http.Client{Transport: transport},
		Region:                     "eu-central-1",
		UsePathStyle:               true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	const name = "exports"
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)})
	require.NoError(t, err)
	bucket, err := s3blob.OpenBucket(t.Context(), client, name, &s3blob.Options{
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	uploads, err := s3uploads.New(client, name, nil)
	require.NoError(t, err)
	store.bucket, store.uploads = bucket, s3Uploads{uploads, client, name}
	return store
}

// s3Uploads are the unfinished uploads of the store.
type s3Uploads struct {
	*s3uploads.Uploads
	client *s3.Client
	bucket string
}

func (u s3Uploads) count(ctx context.Context) (int, error) {
	n := 0
	for _, err := range u.List(ctx, "") {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func s3Harness(t *testing.T) sinktest.Harness {
	store := newS3Store(t)
	return sinktest.Harness{
		Sink:      newSink(t, store.bucket, &blobsink.Options{PartSize: s3Part, Uploads: store.uploads}),
		Leftovers: store.uploads.count,
		Abandon: func(ctx context.Context, key string) error {
			_, err := store.uploads.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
				Bucket: aws.String(store.uploads.bucket), Key: aws.String(key),
			})
			return err
		},
		Large: s3Threshold + 1,
	}
}

func TestR25_S3InterruptedAtParts(t *testing.T) {
	t.Parallel()
	points := []int{s3Threshold - 1, s3Threshold, s3Threshold + s3Part + 1}
	if testing.Short() {
		points = points[1:2]
	}
	sinktest.Interrupt(t, s3Harness, points...)
}

func TestConformanceS3(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, s3Harness)
}

// interrupt writes several parts, and aborts when the store has begun an
// upload and the context is canceled.
func (store *s3Store) interrupt(t *testing.T, s sink.Sink, key string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := s.Create(ctx, key, nil)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, s3Threshold+s3Part+1))
	require.NoError(t, err)
	<-store.begun
	cancel()
	require.NoError(t, w.Abort())
}

// TestR25_S3KeepsNoUpload: the driver asks the store to abort the upload with
// the canceled context, so it never does; the sink sees to it.
func TestR25_S3KeepsNoUpload(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		hook bool
		want int
	}{
		{"with Uploads", true, 0},
		{"without, until Clean", false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := newS3Store(t)
			opts := &blobsink.Options{PartSize: s3Part}
			if tt.hook {
				opts.Uploads = store.uploads
			}
			store.interrupt(t, newSink(t, store.bucket, opts), "a/b")
			n, err := store.uploads.count(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.want, n)

			opts.Uploads = store.uploads
			n, err = newSink(t, store.bucket, opts).Clean(t.Context(), "a/", time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Equal(t, tt.want, n)
		})
	}
}

func TestAbortSaysWhatItLeaves(t *testing.T) {
	t.Parallel()
	store := newS3Store(t)
	s := newSink(t, store.bucket, &blobsink.Options{PartSize: s3Part, Uploads: store.uploads})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := s.Create(ctx, "a/b", nil)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, s3Threshold+s3Part+1))
	require.NoError(t, err)
	<-store.begun
	cancel()
	store.deny.Store(1)
	require.ErrorContains(t, w.Abort(), "blobsink: abort \"a/b\"")
	require.NoError(t, w.Abort(), "a second time it does nothing")
	n, err := s.Clean(t.Context(), "", time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
