package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// versitygwVersion is the one that .ci/run installs.
const versitygwVersion = "v1.8.0"

// Who may use the store.
const (
	s3Key    = "exportyard"
	s3Secret = "not-a-secret"
)

var versitygw = sync.OnceValues(func() (*process, error) {
	dir, err := os.MkdirTemp("", "exportyard-s3-") // not the servers' user's, who may not look into the cache
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	p, err := launch(dir, "listening on", syscall.SIGKILL, findVersitygw(), "--port", socket(dir), "--access", s3Key, "--secret", s3Secret,
		"--access-log", os.DevNull, "--keep-alive", "posix", data)
	if err != nil {
		return nil, err
	}
	return p, reachable(socket(dir))
})

// findVersitygw returns the program that .ci/run installs, or another in PATH.
func findVersitygw() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return find("versitygw")
	}
	return find("versitygw", filepath.Join(cache, "exportyard", "versitygw-"+versitygwVersion))
}

// reachable waits until somebody listens on the socket.
func reachable(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// An S3 is a bucket, and how to reach it: every process that is told so can.
type S3 struct {
	// Socket on which the store listens.
	Socket string
	// Endpoint is the address of what stands between; empty for nothing.
	Endpoint string
	Bucket   string
}

// StartS3 returns an empty bucket of a store that speaks S3's protocol.
func StartS3(t testing.TB) S3 {
	t.Helper()
	if findVersitygw() == "" {
		missing(t, "versitygw", "go install github.com/versity/versitygw/cmd/versitygw@"+versitygwVersion)
	}
	p, err := versitygw()
	if err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	b := S3{Socket: socket(p.dir), Bucket: "bucket-" + newName()}
	transport := b.Transport()
	defer transport.CloseIdleConnections()
	_, err = b.Client(&http.Client{Transport: transport}, 3).CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(b.Bucket)})
	if err != nil {
		t.Fatalf("create a bucket: %v", err)
	}
	return b
}

// Transport reaches the store's socket, whatever the address.
func (b S3) Transport() *http.Transport {
	t := &http.Transport{MaxIdleConnsPerHost: 64}
	if b.Endpoint == "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", b.Socket)
		}
	}
	return t
}

// Client makes a client of the store that tries each request so many times, with
// little time between.
func (b S3) Client(over *http.Client, tries int) *s3.Client {
	endpoint := b.Endpoint
	if endpoint == "" {
		endpoint = "http://s3.localhost"
	}
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(s3Key, s3Secret, ""),
		HTTPClient:   over,
		Region:       "us-east-1",
		UsePathStyle: true,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = tries, 50*time.Millisecond
		}),
	})
}

func (b S3) String() string { return fmt.Sprint("s3://", b.Bucket) }
