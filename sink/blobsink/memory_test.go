package blobsink_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/sink/blobsink"
)

// discard speaks as much of S3's protocol as an upload needs, and keeps nothing.
func discard(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch q := r.URL.Query(); {
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case q.Has("uploads"):
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodPost:
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`)
	default:
		w.Header().Set("ETag", `"1"`)
	}
}

// TestR22_MemoryOfFourWriters uploads four files at once and looks at what is
// alive at each part. It runs alone, since what others hold counts too.
func TestR22_MemoryOfFourWriters(t *testing.T) {
	const writers, size, most = 4, 64 << 20, 200 << 20
	var mu sync.Mutex
	var peak uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("partNumber") {
			mu.Lock()
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
			mu.Unlock()
		}
		discard(w, r)
	}))
	defer server.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	bucket, err := s3blob.OpenBucket(t.Context(), s3.New(s3.Options{
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Region:       "eu-central-1",
		UsePathStyle: true,
	}), "exports", nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, bucket.Close()) }()
	s := newSink(t, bucket, nil)

	failed := make(chan error, writers)
	for i := range writers {
		go func() { failed <- upload(t, s, fmt.Sprintf("a/%d", i), size) }()
	}
	for range writers {
		require.NoError(t, <-failed)
	}
	t.Logf("%d MiB", peak>>20)
	require.Positive(t, peak)
	require.Less(t, peak, uint64(most))
}

func upload(t *testing.T, s *blobsink.Sink, key string, size int) error {
	w, err := s.Create(t.Context(), key, nil)
	if err != nil {
		return err
	}
	defer func() { _ = w.Abort() }()
	block := make([]byte, 256<<10)
	for range size / len(block) {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return w.Commit()
}
