// Package outsider looks at a sink as somebody does who knows nothing of the engine:
// it lists the sink and fetches all that the manifests in it name, again and again.
package outsider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink"
)

// A Poller is an outside reader of a sink.
type Poller struct {
	Sink sink.Sink
	// Polls are those of the whole sink, Manifests those that were found whole.
	Polls, Manifests atomic.Int64
}

// Run polls until ctx ends or something is not as a manifest says.
func (p *Poller) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := p.poll(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		p.Polls.Add(1)
	}
	return nil
}

func (p *Poller) poll(ctx context.Context) error {
	for o, err := range p.Sink.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		if name := path.Base(o.Key); !strings.HasPrefix(name, "manifest.") || !strings.HasSuffix(name, ".json") {
			continue
		}
		err := p.manifest(ctx, o.Key)
		if err == nil {
			p.Manifests.Add(1)
			continue
		}
		// Its files may go once it has gone itself.
		if _, gone := p.fetch(ctx, o.Key, io.Discard); !errors.Is(gone, sink.ErrNotFound) {
			return fmt.Errorf("%s is there, but %w", o.Key, err)
		}
	}
	return nil
}

// manifest checks one manifest and every file that it names.
func (p *Poller) manifest(ctx context.Context, key string) error {
	var data strings.Builder
	if _, err := p.fetch(ctx, key, &data); err != nil {
		return err
	}
	var m manifest.Manifest
	if err := json.Unmarshal([]byte(data.String()), &m); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	for _, f := range m.Files {
		sum := sha256.New()
		n, err := p.fetch(ctx, f.Key, sum)
		if err != nil {
			return fmt.Errorf("its file %s: %w", f.Key, err)
		}
		if n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return fmt.Errorf("its file %s has %d bytes that are not those of the manifest", f.Key, n)
		}
	}
	return nil
}

func (p *Poller) fetch(ctx context.Context, key string, w io.Writer) (int64, error) {
	r, err := p.Sink.Open(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, r.Close())
}
