package manifest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/sink"
)

// VerifyOptions say what else to prove. nil means the zero value.
type VerifyOptions struct {
	// PublicKey, when set, must have signed the manifest.
	PublicKey ed25519.PublicKey
	// Progress, when set, is called after each file.
	Progress func(file File)
}

// Find returns the keys of all manifests under prefix, which may be empty. Two in
// one folder are refused, since nothing in a folder says which one counts.
func Find(ctx context.Context, s sink.Sink, prefix string) ([]string, error) {
	var found []string
	folders := make(map[string]string)
	for o, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, &pipeline.WriteError{Err: err}
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

// Verify proves the one archive whose manifest lies under prefix, by [VerifyAt].
func Verify(ctx context.Context, s sink.Sink, prefix string, opts *VerifyOptions) (*Manifest, error) {
	found, err := Find(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, corrupt(prefix, "there is no manifest")
	case 1:
		return VerifyAt(ctx, s, found[0], opts)
	default:
		return nil, corrupt(prefix, fmt.Sprintf("there are %d archives (%s): name one", len(found), strings.Join(found, ", ")))
	}
}

// VerifyAt proves the archive of the manifest with that key: every file is there
// with its size and SHA-256, and the totals are right. It returns the manifest
// when it could be read, and an [*Error] with one problem for each bad file.
func VerifyAt(ctx context.Context, s sink.Sink, key string, opts *VerifyOptions) (*Manifest, error) {
	if opts == nil {
		opts = &VerifyOptions{}
	}
	data, err := readUnproved(ctx, s, key)
	if err != nil {
		return nil, err
	}
	if opts.PublicKey != nil {
		signature, err := readUnproved(ctx, s, key+SignatureExt)
		if err != nil {
			return nil, err
		}
		if !signatureValid(opts.PublicKey, data, signature) {
			return nil, corrupt(key, "the signature is not of this key and manifest")
		}
	}
	m, err := Decode(key, data)
	if err != nil {
		return nil, err
	}
	return m, m.VerifyFiles(ctx, s, key, opts.Progress)
}

func readUnproved(ctx context.Context, s sink.Sink, key string) ([]byte, error) {
	r, err := s.Open(ctx, key, 0, -1)
	if errors.Is(err, sink.ErrNotFound) {
		return nil, missing(key, err)
	}
	if err != nil {
		return nil, &pipeline.WriteError{Err: err}
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, &pipeline.WriteError{Err: err}
	}
	return data, nil
}

// VerifyFiles proves every file of a manifest that was found under key. progress,
// when not nil, is called after each good file.
func (m *Manifest) VerifyFiles(ctx context.Context, s sink.Sink, key string, progress func(File)) error {
	var all *Error
	var rows, bytes int64
	moved, ok := place.Moved(m.Key, key)
	if !ok {
		return corrupt(key, "was written as "+m.Key+": rename it back")
	}
	for _, f := range m.Files {
		rows, bytes = rows+f.Rows, bytes+f.Bytes
		o := f.Object()
		o.Key = moved(f.Key)
		err := Prove(ctx, s, o)
		var bad *Error
		switch {
		case errors.As(err, &bad) && all == nil:
			all = bad
		case errors.As(err, &bad):
			all.Problems = append(all.Problems, bad.Problems...)
		case err != nil:
			return err
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
