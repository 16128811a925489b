package blobsink_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
)

// A scale speaks as much of S3's protocol as an upload needs, and keeps nothing but
// sizes. At every third part it looks at how much memory is alive.
type scale struct {
	mu    sync.Mutex
	parts int
	peak  uint64
	sizes map[string]int64 // of what was uploaded to a path
	whole map[string]bool  // the paths whose upload is completed
}

func (s *scale) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch q := r.URL.Query(); {
	case r.Method == http.MethodHead && s.whole[r.URL.Path]:
		w.Header().Set("Content-Length", strconv.FormatInt(s.sizes[r.URL.Path], 10))
		w.Header().Set("Last-Modified", "Thu, 01 Oct 2026 12:00:00 GMT")
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case q.Has("uploads"):
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodPost:
		s.whole[r.URL.Path] = true
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`)
	default:
		s.sizes[r.URL.Path] += n
		w.Header().Set("ETag", `"1"`)
		if s.parts++; s.parts%3 > 0 {
			return
		}
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		s.peak = max(s.peak, stats.HeapAlloc)
	}
}

// uploadAll uploads so many files of that size at once and returns the most memory
// that was alive, in bytes. Its tests run alone, since what others hold counts too.
func uploadAll(t *testing.T, files, size int, opts *blobsink.Options) uint64 {
	t.Helper()
	s := &scale{sizes: make(map[string]int64), whole: make(map[string]bool)}
	server := httptest.NewServer(s)
	defer server.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	bucket, err := s3blob.OpenBucket(t.Context(), s3.New(s3.Options{
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Region:       "eu-central-1",
		UsePathStyle: true,
		// Without, the sizes are those of the bodies with their checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	}), "exports", &s3blob.Options{RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired})
	require.NoError(t, err)
	defer func() { require.NoError(t, bucket.Close()) }()
	to := newSink(t, bucket, opts)

	failed := make(chan error, files)
	for i := range files {
		go func() { failed <- upload(t, to, fmt.Sprintf("a/%d", i), size) }()
	}
	for range files {
		require.NoError(t, <-failed)
	}
	t.Logf("%d MiB", s.peak>>20)
	require.Positive(t, s.peak)
	return s.peak
}

func TestR22_MemoryOfFourWriters(t *testing.T) {
	require.Less(t, uploadAll(t, 4, 64<<20, nil), uint64(200<<20))
}

// TestR22_BudgetOfUploads: 16 uploads, 64 at a release's size, race for a budget of
// three.
func TestR22_BudgetOfUploads(t *testing.T) {
	const budget, aside = 96 << 20, 16 << 20 // aside: the server's, and the first 64 KiB of each
	files := 16
	if os.Getenv("EXPORTYARD_FULL") == "1" {
		files = 64
	}
	opts := &blobsink.Options{PartSize: 5 << 20, Budget: blobsink.NewBudget(budget)}
	require.Less(t, uploadAll(t, files, 17<<20, opts), uint64(budget+aside))
}

// block is what all uploads write, again and again.
var block = make([]byte, 256<<10)

func upload(t *testing.T, s *blobsink.Sink, key string, size int) error {
	w, err := s.Create(t.Context(), key, nil)
	if err != nil {
		return err
	}
	defer func() { _ = w.Abort() }()
	for range size / len(block) {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return w.Commit()
}

// TestR22_BudgetIsNeverExceeded counts, without any store, how many uploads are
// past what is not counted while 64 race for a budget of three, and some give up.
func TestR22_BudgetIsNeverExceeded(t *testing.T) {
	t.Parallel()
	const racers, fit = 64, 3
	opts := &blobsink.Options{Budget: blobsink.NewBudget(fit * 32 << 20)}
	var mu sync.Mutex
	var now, most int
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		now += by
		most = max(most, now)
	}
	var all sync.WaitGroup
	for i := range racers {
		large := false
		d := &scripted{
			write: func([]byte) (int, error) {
				if !large {
					large = true
					count(+1)
				}
				runtime.Gosched()
				return 100_000, nil
			},
			close: func(ctx context.Context) error {
				if large {
					count(-1)
				}
				return ctx.Err()
			},
		}
		s := scriptedSink(t, d, opts)
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, err := s.Create(ctx, "a", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if i%4 == 1 {
				go cancel() // whether it waits or writes
			}
			for range 10 {
				if _, err = w.Write(make([]byte, 100_000)); err != nil {
					break
				}
			}
			if err != nil && i%4 != 1 {
				t.Error(err)
			}
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Zero(t, now)
	require.LessOrEqual(t, most, fit)
	// All of it has been given back: so many fit again, at the same time.
	for range fit {
		w, err := scriptedSink(t, new(scripted), opts).Create(t.Context(), "a", nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, w.Abort()) }()
		_, err = w.Write(make([]byte, 100_000))
		require.NoError(t, err)
	}
	// And what is small needs none.
	w, err := scriptedSink(t, new(scripted), opts).Create(t.Context(), "manifest", nil)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 64<<10))
	require.NoError(t, err)
	require.NoError(t, w.Commit())
}

func TestR22_BudgetBelowOneUpload(t *testing.T) {
	t.Parallel()
	_, err := blobsink.New(memory(t), &blobsink.Options{Budget: blobsink.NewBudget(32<<20 - 1)})
	require.ErrorContains(t, err, "needs 33554432 bytes of memory, the budget is 33554431")
	s := newSink(t, memory(t), &blobsink.Options{Budget: blobsink.NewBudget(32 << 20)})
	_, err = s.Create(t.Context(), "a", &sink.CreateOptions{SizeHint: 1 << 40})
	require.ErrorContains(t, err, `blobsink: create "a": an upload in parts of`)
}
