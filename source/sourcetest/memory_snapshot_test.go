package sourcetest_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/exportyard/exportyard/source"
)

// snapshots are the ones of a memory that are held.
type snapshots struct {
	mu   sync.Mutex
	made int
	held map[string]bool
}

func (m *memory) Snapshot(_ context.Context, name string) (source.Snapshot, error) {
	s := &m.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" {
		if s.made++; !m.is("snapshots of one name") {
			name = strconv.Itoa(s.made)
		}
		if s.held == nil {
			s.held = make(map[string]bool)
		}
		s.held[name] = true
		return &pinned{memory: m, name: name, own: true}, nil
	}
	if !s.held[name] && !m.is("finds closed snapshots") {
		return nil, fmt.Errorf("memory: %w", source.ErrSnapshotGone)
	}
	found := &pinned{memory: m, name: name}
	if m.is("found snapshots cannot count") {
		return struct{ source.Snapshot }{found}, nil
	}
	return found, nil
}

// pinned is a memory, which never changes, at one instant.
type pinned struct {
	*memory
	name string
	own  bool
}

func (p *pinned) Name() string { return p.name }

func (p *pinned) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	p.snapshots.mu.Lock()
	held := p.snapshots.held[p.name]
	p.snapshots.mu.Unlock()
	switch {
	case p.is("closed snapshots are read"):
	case !held:
		return nil, fmt.Errorf("memory: %w", source.ErrSnapshotGone)
	case p.is("snapshots are empty"):
		q.Tenant = "nobody"
	}
	return p.memory.Open(ctx, q)
}

func (p *pinned) Close() error {
	p.snapshots.mu.Lock()
	defer p.snapshots.mu.Unlock()
	if p.own {
		delete(p.snapshots.held, p.name)
	}
	return nil
}
