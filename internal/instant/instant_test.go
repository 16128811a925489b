package instant_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/instant"
	"github.com/exportyard/exportyard/source"
)

// A camera takes snapshots and counts those that are held.
type camera struct {
	source.Source

	mu    sync.Mutex
	taken int
	held  map[string]int // how often, by name
	fail  error
}

type photo struct {
	source.Source
	camera *camera
	name   string
}

func (c *camera) Snapshot(_ context.Context, name string) (source.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return nil, c.fail
	}
	if name == "" {
		c.taken++
		name = fmt.Sprint(c.taken)
	} else if c.held[name] == 0 {
		return nil, fmt.Errorf("camera: %w", source.ErrSnapshotGone)
	}
	if c.held == nil {
		c.held = make(map[string]int)
	}
	c.held[name]++
	return &photo{camera: c, name: name}, nil
}

func (p *photo) Name() string { return p.name }

func (p *photo) Close() error {
	p.camera.mu.Lock()
	defer p.camera.mu.Unlock()
	p.camera.held[p.name]--
	return errors.New("nobody cares")
}

func (c *camera) open() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, holders := range c.held {
		n += holders
	}
	return n
}

var job = instant.Job{Tenant: "acme", ID: "1"}

func TestKeeper(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := &camera{}
	k, elsewhere := instant.New(c, false), instant.New(c, false)
	src, name, err := k.Take(ctx, job)
	require.NoError(t, err)
	require.Equal(t, "1", name)
	found, name, err := k.Find(ctx, job, "1")
	require.NoError(t, err)
	require.Same(t, src, found)
	require.Equal(t, "1", name)

	// Another process joins it once, however many parts ask.
	var parts sync.WaitGroup
	for range 8 {
		parts.Go(func() {
			if _, name, err := elsewhere.Find(ctx, job, "1"); err != nil || name != "1" {
				panic(fmt.Sprint(name, err))
			}
		})
	}
	parts.Wait()
	require.Equal(t, 2, c.open())
	require.Equal(t, map[instant.Job]string{job: "1"}, elsewhere.Jobs())

	// A plan that is made again takes a new one, and the old one is let go.
	_, name, err = k.Take(ctx, job)
	require.NoError(t, err)
	require.Equal(t, "2", name)
	elsewhere.Drop(job)
	require.Equal(t, 1, c.open())
	src, name, err = k.Find(ctx, job, "1")
	require.NoError(t, err)
	require.Same(t, c, src)
	require.Empty(t, name)
	k.Close()
	k.Close()
	require.Zero(t, c.open())
}

func TestKeeper_WithoutSnapshots(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	broken := errors.New("no connection")
	tests := []struct {
		name     string
		fail     error
		required bool
		want     error
	}{
		{name: "unsupported", fail: source.ErrUnsupported},
		{name: "at the limit", fail: source.ErrSnapshotLimit},
		{name: "broken", fail: broken, want: broken},
		{name: "unsupported and required", fail: source.ErrUnsupported, required: true, want: source.ErrUnsupported},
		{name: "at the limit and required", fail: source.ErrSnapshotLimit, required: true, want: source.ErrSnapshotLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &camera{fail: fmt.Errorf("camera: %w", tt.fail)}
			src, name, err := instant.New(c, tt.required).Take(ctx, job)
			require.ErrorIs(t, err, tt.want)
			require.Empty(t, name)
			if tt.want == nil {
				require.Same(t, c, src)
			}
		})
	}
	plain := struct{ source.Source }{}
	src, name, err := instant.New(plain, false).Find(ctx, job, "left by another version")
	require.NoError(t, err)
	require.Equal(t, plain, src)
	require.Empty(t, name)
	_, _, err = instant.New(&camera{fail: broken}, false).Find(ctx, job, "1")
	require.ErrorIs(t, err, broken)
}
