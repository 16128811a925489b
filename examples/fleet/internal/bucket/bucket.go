// Package bucket serves a bucket of an S3-compatible store from memory, and opens it in
// any process of the machine.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
)

const name = "exports"

// A Server is a store with one bucket.
type Server struct {
	// URL is where it is.
	URL  string
	http *http.Server
	done chan error
}

// Serve starts a store on this machine's loopback.
func Serve(ctx context.Context) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	memory := s3mem.New()
	if err := memory.CreateBucket(name); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{
		URL:  "http://" + listener.Addr().String(),
		http: &http.Server{Handler: gofakes3.New(memory).Server(), ReadHeaderTimeout: 10 * time.Second},
		done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// Stop ends the store and all that it keeps.
func (s *Server) Stop() error {
	err := s.http.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// A Bucket is the store's, as one process sees it.
type Bucket struct {
	*blobsink.Sink
	bucket    *blob.Bucket
	transport *http.Transport
}

// Open opens the bucket of the store at a URL, the way that a host opens one of S3.
func Open(ctx context.Context, url string) (*Bucket, error) {
	transport := new(http.Transport)
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(url), UsePathStyle: true, Region: "eu-central-1",
		Credentials:                credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:                 &http.Client{Transport: transport},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	b, err := s3blob.OpenBucket(ctx, client, name, &s3blob.Options{RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	uploads, err := s3uploads.New(client, name, nil)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	s, err := blobsink.New(b, &blobsink.Options{Uploads: uploads})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &Bucket{Sink: s, bucket: b, transport: transport}, nil
}

// Close ends its connections.
func (b *Bucket) Close() error {
	err := b.bucket.Close()
	b.transport.CloseIdleConnections()
	return err
}
