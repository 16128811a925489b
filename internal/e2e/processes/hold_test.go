//go:build unix

package processes_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// The points at which a process can be held, each in the work on its first rows part.
const (
	atRead       = "source.Read"
	atCreate     = "sink.Create"
	atWrite      = "sink.Write"
	atCommit     = "sink.Commit"
	atLateCommit = "sink.Commit of a store that takes the object all the same"
	atCommitted  = "sink.Commit, done"
	atFinish     = "store.Finish"
	atClaimed    = "store.Claim, done"
)

// A hold stops a process once, at a point, until the test releases it.
type hold struct {
	point   string
	release chan struct{}
	once    sync.Once
}

// at waits when point is the one to be held at, and reports whether it did.
func (h *hold) at(point string) (held bool) {
	if point != h.point {
		return false
	}
	h.once.Do(func() {
		held = true
		say("held")
		<-h.release
	})
	return held
}

type holdingSource struct {
	*sqlsource.Source
	hold *hold
}

func (s holdingSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := s.Source.Open(ctx, q)
	if err != nil || len(q.UpTo)+len(q.After) == 0 { // the plan looks at rows too
		return r, err
	}
	return holdingReader{r.(source.CountedReader), s.hold}, nil
}

type holdingReader struct {
	source.CountedReader
	hold *hold
}

func (r holdingReader) Read(ctx context.Context, b *source.Batch) error {
	r.hold.at(atRead)
	return r.CountedReader.Read(ctx, b)
}

type holdingStore struct {
	*sqlstore.Store
	hold *hold
}

func (s holdingStore) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	claimed, err := s.Store.Claim(ctx, c)
	if len(claimed) > 0 && claimed[0].Part.Kind == queue.RowsPart {
		s.hold.at(atClaimed)
	}
	return claimed, err
}

func (s holdingStore) Finish(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
	rows := f.Outcome == queue.Seal && len(f.Planned) == 0 && len(f.Result.Data) == 0
	held := rows && s.hold.at(atFinish)
	if held {
		ctx = context.WithoutCancel(ctx)
	}
	j, err := s.Store.Finish(ctx, f, e)
	if held {
		say("finish: %v", err)
	}
	return j, err
}

type holdingSink struct {
	*filesink.Sink
	hold *hold
}

func (s holdingSink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	if strings.Contains(key, "/probe") {
		return s.Sink.Create(ctx, key, o)
	}
	s.hold.at(atCreate)
	if s.hold.point == atLateCommit {
		ctx = context.WithoutCancel(ctx) // a store that is told too late
	}
	w, err := s.Sink.Create(ctx, key, o)
	return holdingWriter{w, s.hold}, err
}

type holdingWriter struct {
	sink.Writer
	hold *hold
}

func (w holdingWriter) Write(p []byte) (int, error) {
	w.hold.at(atWrite)
	return w.Writer.Write(p)
}

func (w holdingWriter) Commit() error {
	w.hold.at(atCommit)
	w.hold.at(atLateCommit)
	err := w.Writer.Commit()
	if err == nil {
		w.hold.at(atCommitted)
	}
	return err
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
