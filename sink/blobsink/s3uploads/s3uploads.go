// Package s3uploads finds and abandons the multipart uploads that nobody will
// complete: of processes that were killed, and of contexts that were canceled
// before the store was told. S3 keeps their parts, and charges for them, until
// somebody does.
//
// It is what [blobsink.Options] asks for as Uploads when a bucket is one of S3 or
// of what speaks its protocol:
//
//	uploads, err := s3uploads.New(client, "my-bucket", nil)
//	bucket, err := s3blob.OpenBucket(ctx, client, "my-bucket", nil)
//	s, err := blobsink.New(bucket, &blobsink.Options{Uploads: uploads})
//
// A store of Amazon's can also do so by itself, by a lifecycle rule of the bucket
// (AbortIncompleteMultipartUpload), only days later.
//
// The package is apart from blobsink so that hosts without S3 do not compile
// Amazon's SDK. It is of the same module, since gocloud.dev asks for the same
// versions of the SDK already: no host is moved to others.
package s3uploads

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/exportyard/exportyard/sink/blobsink"
)

var _ blobsink.Uploads = (*Uploads)(nil)

// Options adjust Uploads.
type Options struct {
	// Prefix is put before every key, as blob.PrefixedBucket does. Default: none.
	Prefix string
}

// Uploads are the unfinished uploads of a bucket. It is safe for concurrent use.
type Uploads struct {
	client *s3.Client
	bucket string
	prefix string
}

// New looks at a bucket through the client, whose credentials need the permissions
// s3:ListBucketMultipartUploads and s3:AbortMultipartUpload.
func New(client *s3.Client, bucket string, opts *Options) (*Uploads, error) {
	if client == nil || bucket == "" {
		return nil, errors.New("s3uploads: a client and the name of a bucket are required")
	}
	u := &Uploads{client: client, bucket: bucket}
	if opts != nil {
		u.prefix = opts.Prefix
	}
	return u, nil
}

// List gives the uploads whose keys begin with prefix, see [blobsink.Uploads].
func (u *Uploads) List(ctx context.Context, prefix string) iter.Seq2[blobsink.Upload, error] {
	return func(yield func(blobsink.Upload, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: aws.String(u.bucket), Prefix: aws.String(u.prefix + prefix)}
		for {
			page, err := u.client.ListMultipartUploads(ctx, in)
			if isGone(err) { // some stores say so of a bucket without any
				return
			}
			if err != nil {
				yield(blobsink.Upload{}, fmt.Errorf("s3uploads: list: %w", err))
				return
			}
			for i := range page.Uploads {
				if !yield(u.upload(&page.Uploads[i]), nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if aws.ToString(page.NextKeyMarker) == aws.ToString(in.KeyMarker) && aws.ToString(page.NextUploadIdMarker) == aws.ToString(in.UploadIdMarker) {
				yield(blobsink.Upload{}, errors.New("s3uploads: list: the store says that there is more, and not from where on"))
				return
			}
			in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
		}
	}
}

func (u *Uploads) upload(m *types.MultipartUpload) blobsink.Upload {
	key := aws.ToString(m.Key)
	return blobsink.Upload{Key: key[min(len(u.prefix), len(key)):], ID: aws.ToString(m.UploadId), Started: aws.ToTime(m.Initiated)}
}

// Abandon throws an upload away with its parts, see [blobsink.Uploads].
func (u *Uploads) Abandon(ctx context.Context, up blobsink.Upload) error {
	_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(u.bucket), Key: aws.String(u.prefix + up.Key), UploadId: aws.String(up.ID),
	})
	if err != nil && !isGone(err) {
		return fmt.Errorf("s3uploads: abandon an upload of %q: %w", up.Key, err)
	}
	return nil
}

// isGone reports whether the store says that there is no such upload.
func isGone(err error) bool {
	var said smithy.APIError
	return errors.As(err, &said) && said.ErrorCode() == "NoSuchUpload"
}
