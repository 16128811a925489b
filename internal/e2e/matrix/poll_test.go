package matrix_test

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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
)

// A poller is an outside reader: it lists a sink and fetches all that the
// manifests in it name, again and again.
type poller struct {
	sink      sink.Sink
	polls     atomic.Int64
	manifests atomic.Int64 // that were found whole
}

// run polls until ctx ends or something is not as a manifest says.
func (p *poller) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := p.poll(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		p.polls.Add(1)
	}
	return nil
}

func (p *poller) poll(ctx context.Context) error {
	for o, err := range p.sink.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		if name := path.Base(o.Key); !strings.HasPrefix(name, "manifest.") || !strings.HasSuffix(name, ".json") {
			continue
		}
		err := p.manifest(ctx, o.Key)
		if err == nil {
			p.manifests.Add(1)
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
func (p *poller) manifest(ctx context.Context, key string) error {
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

func (p *poller) fetch(ctx context.Context, key string, w io.Writer) (int64, error) {
	r, err := p.sink.Open(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, r.Close())
}

// Who lists and fetches all the time never sees a manifest whose files are
// absent or others, while exports complete, fail, are canceled and expire.
func TestR24_ManifestIsNeverAhead(t *testing.T) {
	t.Parallel()
	rounds, polls := 6, int64(200)
	if full() {
		rounds, polls = 60, 12_500 // 100,000 over the eight pairs
	}
	eachPair(t, func(t *testing.T, store queue.JobStore, s place) {
		src := &brittle{Source: tables(t)}
		engine := newEngine(t, src, store, s, func(c *export.Config) {
			c.Keep, c.Sweep, c.MaxAttempts = 30*time.Millisecond, 10*time.Millisecond, 1
		})
		start(t, engine)
		p := &poller{sink: s}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
		defer cancel()
		violation := make(chan error, 1)
		go func() { violation <- p.run(ctx) }()
		ended := make(map[export.State]int)
		for round := 0; round < rounds || p.polls.Load() < polls; round++ {
			src.good.Store(1 << 40)
			if round%3 == 1 {
				src.good.Store(7)
			}
			r := exports[round%len(exports)]
			r.Tenant = "acme"
			j := request(t, engine, r)
			if round%3 == 2 {
				cancelMidway(t, engine, j)
			}
			state := wait(t, engine, j).State
			if state == export.Expired { // so soon
				state = export.Completed
			}
			ended[state]++
			if len(violation) > 0 {
				break
			}
		}
		cancel()
		require.NoError(t, <-violation)
		require.Positive(t, p.manifests.Load(), "no manifest was ever seen")
		require.Len(t, ended, 3, "%v", ended)
	})
}

// cancelMidway cancels a job when it has sealed some parts, if it is not too late.
func cancelMidway(t *testing.T, engine *export.Engine, j *export.Job) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for now, err := range engine.Watch(ctx, j.Tenant, j.ID, time.Millisecond) {
		require.NoError(t, err)
		if now.Progress.PartsSealed >= 3 {
			break
		}
	}
	_, err := engine.Cancel(ctx, j.Tenant, j.ID, "ann")
	var late *export.Error
	if errors.As(err, &late) && late.Code == export.CodeAlreadyFinished {
		return
	}
	require.NoError(t, err)
}
