package export

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/sink"
)

// maxManifest bounds what is read as a manifest.
const maxManifest = 256 << 20

// readVerified lets fn read a stored object and proves that the store has
// exactly the bytes that were written. What is not so is an [Error] with
// CodeVerificationFailed that names the key.
func readVerified(ctx context.Context, s sink.Sink, key string, size int64, sum string, fn func(io.Reader) error) error {
	r, err := s.Open(ctx, key, 0, -1)
	if errors.Is(err, sink.ErrNotFound) {
		return missing(key, err)
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
		if bad := in.compare(key, size, sum); bad != nil {
			return bad
		}
		return err
	}
	return in.compare(key, size, sum)
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

func (h *hashingReader) compare(key string, size int64, sum string) error {
	switch {
	case h.err != nil:
		return &pipeline.WriteError{Err: h.err}
	case h.n != size:
		return corrupt(key, fmt.Sprintf("has %d bytes instead of %d", h.n, size))
	case hex.EncodeToString(h.sha.Sum(nil)) != sum:
		return corrupt(key, "has other bytes than were written")
	}
	return nil
}

func corrupt(key, what string) *Error {
	return &Error{
		Code: CodeVerificationFailed, Message: "the stored files are not what was written",
		Hint:     "run the export again; if it stays, look at the destination",
		Problems: []Problem{{Code: CodeVerificationFailed, Field: key, Message: what}},
	}
}

func missing(key string, err error) *Error {
	e := corrupt(key, "is missing")
	e.Err = err
	return e
}

// verifyObject reads an object back from the store.
func verifyObject(ctx context.Context, s sink.Sink, key string, size int64, sum string) error {
	return readVerified(ctx, s, key, size, sum, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

// VerifyOptions say what else to prove. nil means the zero value.
type VerifyOptions struct {
	// PublicKey, when set, must have signed the manifest.
	PublicKey ed25519.PublicKey
	// Progress, when set, is called after each file.
	Progress func(file ManifestFile)
}

// Verify proves the one archive whose manifest lies under prefix, which may be
// empty, by [VerifyManifest].
func Verify(ctx context.Context, s sink.Sink, prefix string, opts *VerifyOptions) (*Manifest, error) {
	found, err := Manifests(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, corrupt(prefix, "there is no manifest")
	case 1:
		return VerifyManifest(ctx, s, found[0], opts)
	default:
		return nil, corrupt(prefix, fmt.Sprintf("there are %d archives (%s): name one", len(found), strings.Join(found, ", ")))
	}
}

// Manifests returns the keys of all manifests under prefix. Two in one folder
// are refused, since nothing in a folder says which one counts.
func Manifests(ctx context.Context, s sink.Sink, prefix string) ([]string, error) {
	var found []string
	folders := make(map[string]string)
	for o, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, failure("", &pipeline.WriteError{Err: err})
		}
		if !place.IsManifest(o.Key) {
			continue
		}
		dir, _ := place.Split(o.Key)
		if other, taken := folders[dir]; taken {
			return nil, corrupt(dir, "has two manifests, "+other+" and "+o.Key)
		}
		folders[dir] = o.Key
		found = append(found, o.Key)
	}
	return found, nil
}

// VerifyManifest proves the archive of one manifest: every file is there with
// its size and SHA-256, and the totals are right. It returns the manifest when
// it could be read, and an [*Error] with CodeVerificationFailed and one
// problem for each bad file.
func VerifyManifest(ctx context.Context, s sink.Sink, key string, opts *VerifyOptions) (*Manifest, error) {
	if opts == nil {
		opts = &VerifyOptions{}
	}
	data, err := readAll(ctx, s, key)
	if err != nil {
		return nil, err
	}
	if opts.PublicKey != nil {
		signature, err := readAll(ctx, s, key+signatureExt)
		if err != nil {
			return nil, err
		}
		if !signatureValid(opts.PublicKey, data, signature) {
			return nil, corrupt(key, "the signature is not of this key and manifest")
		}
	}
	m, err := decodeManifest(key, data)
	if err != nil {
		return nil, err
	}
	return m, m.verifyFiles(ctx, s, key, opts.Progress)
}

func readAll(ctx context.Context, s sink.Sink, key string) ([]byte, error) {
	r, err := s.Open(ctx, key, 0, -1)
	if errors.Is(err, sink.ErrNotFound) {
		return nil, missing(key, err)
	}
	if err != nil {
		return nil, failure("", &pipeline.WriteError{Err: err})
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, failure("", &pipeline.WriteError{Err: err})
	}
	return data, nil
}

func decodeManifest(key string, data []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, corrupt(key, "is not a manifest")
	}
	if m.FormatVersion < 1 || m.FormatVersion > FormatVersion {
		return nil, corrupt(key, fmt.Sprintf("has format version %d, this program reads up to %d", m.FormatVersion, FormatVersion))
	}
	return m, nil
}

// verifyFiles proves every file of a manifest that was found under key.
func (m *Manifest) verifyFiles(ctx context.Context, s sink.Sink, key string, progress func(ManifestFile)) error {
	var all *Error
	var rows, bytes int64
	moved, ok := place.Moved(m.Key, key)
	if !ok {
		return corrupt(key, "was written as "+m.Key+": rename it back")
	}
	for _, f := range m.Files {
		rows, bytes = rows+f.Rows, bytes+f.Bytes
		err := verifyObject(ctx, s, moved(f.Key), f.Bytes, f.SHA256)
		var bad *Error
		switch {
		case errors.As(err, &bad) && all == nil:
			all = bad
		case errors.As(err, &bad):
			all.Problems = append(all.Problems, bad.Problems...)
		case err != nil:
			return failure("", err)
		}
		if err == nil && progress != nil {
			progress(f)
		}
	}
	if all != nil {
		return all
	}
	var read int64
	for _, d := range m.Datasets {
		read += d.Rows
	}
	if rows != m.Rows || bytes != m.Bytes || read != m.Rows {
		return corrupt(key, "its totals are not the sums of its files and datasets")
	}
	return nil
}
