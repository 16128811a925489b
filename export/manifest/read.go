package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/sink"
)

// maxManifest bounds what is read as a manifest: 256 MiB.
const maxManifest = 256 << 20

// An Object is one stored object, as it was written.
type Object struct {
	Key   string
	Bytes int64
	// SHA256 in hexadecimal digits.
	SHA256 string
}

// Object returns what is stored of a file.
func (f File) Object() Object { return Object{Key: f.Key, Bytes: f.Bytes, SHA256: f.SHA256} }

// Read lets fn read a stored object and proves that the store has exactly the
// bytes that were written, also when fn does not read them all. What is not so is
// an [*Error] that names the key, whatever fn made of it.
func Read(ctx context.Context, s sink.Sink, o Object, fn func(io.Reader) error) error {
	r, err := s.Open(ctx, o.Key, 0, -1)
	if errors.Is(err, sink.ErrNotFound) {
		return missing(o.Key, err)
	}
	if err != nil {
		return &pipeline.WriteError{Err: err}
	}
	defer func() { _ = r.Close() }()
	in := &hashingReader{r: r, sha: sha256.New()}
	if err := fn(in); err != nil {
		var writing *pipeline.WriteError
		if errors.As(err, &writing) || ctx.Err() != nil {
			return err
		}
		if in.err == nil {
			_, _ = io.Copy(io.Discard, in)
		}
		if bad := in.compare(o); bad != nil {
			return bad
		}
		return err
	}
	return in.compare(o)
}

// ReadAll reads the manifest, or another small object, that was written as o.
func ReadAll(ctx context.Context, s sink.Sink, o Object) (data []byte, err error) {
	err = Read(ctx, s, o, func(r io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(r, maxManifest))
		return err
	})
	return data, err
}

// Prove reads an object back from the store.
func Prove(ctx context.Context, s sink.Sink, o Object) error {
	return Read(ctx, s, o, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

type hashingReader struct {
	r   io.Reader
	sha hash.Hash
	n   int64
	err error // other than io.EOF
}

func (h *hashingReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.sha.Write(p[:n])
	h.n += int64(n)
	if err != nil && err != io.EOF {
		h.err = err
	}
	return n, err
}

func (h *hashingReader) compare(o Object) error {
	switch {
	case h.err != nil:
		return &pipeline.WriteError{Err: h.err}
	case h.n != o.Bytes:
		return corrupt(o.Key, fmt.Sprintf("has %d bytes instead of %d", h.n, o.Bytes))
	case hex.EncodeToString(h.sha.Sum(nil)) != o.SHA256:
		return corrupt(o.Key, "has other bytes than were written")
	}
	return nil
}
