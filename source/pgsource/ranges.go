package pgsource

import (
	"context"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/ranges"
	"github.com/exportyard/exportyard/source/pgsource/internal/session"
)

// defaultRangeBlocks is how much of a table a connection reads at a time unless
// the options say otherwise: a megabyte.
const defaultRangeBlocks = 128

// blockSize is that of almost every server, in bytes.
const blockSize = 8192

// joinTimeout bounds the start of a further connection of a read, which goes on
// without it after that.
const joinTimeout = 5 * time.Second

// rows are what a reader reads: those of one statement, or of many ranges.
type rows interface {
	ranges.Rows
	// Cut returns how many rows have come so far.
	Cut() int64
}

// rows starts to read the query, over as many connections as it is worth.
func (v view) rows(ctx context.Context, ses *session.Session, q source.Query) (_ rows, err error) {
	var blocks int64
	if v.opts.Connections > 1 {
		if blocks, err = ses.Blocks(ctx); err != nil {
			return nil, err
		}
	}
	each := int64(v.opts.RangeBlocks)
	total := (blocks + each - 1) / each
	if total < 2 {
		single, err := ses.Rows(ctx)
		if err != nil {
			return nil, err
		}
		return single, nil
	}
	snapshot := v.snapshot
	if snapshot == "" {
		if snapshot, err = ses.Share(ctx); err != nil {
			return nil, err
		}
	}
	if err := ses.ByRanges(ctx); err != nil {
		return nil, err
	}
	dials := make([]ranges.Dial, min(int64(v.opts.Connections), total)-1)
	for i := range dials {
		dials[i] = func(ctx context.Context) ranges.Connection {
			other := v.join(ctx, ses, q, snapshot)
			if other == nil {
				return nil
			}
			return &connection{other, each, total}
		}
	}
	return ranges.Start(ctx, total, int(each)*blockSize, &connection{ses, each, total}, dials...), nil
}

// join begins another session for a read, where the pool has room for it.
func (v view) join(ctx context.Context, ses *session.Session, q source.Query, snapshot string) *session.Session {
	if s := v.pool.Stat(); s.AcquiredConns()+s.ConstructingConns() >= s.MaxConns() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	other, err := view{v.shared, snapshot}.begin(ctx, q)
	if err != nil {
		return nil // the read is none the worse, only slower
	}
	if !other.SameTable(ses) || other.ByRanges(ctx) != nil {
		other.End()
		return nil
	}
	return other
}

// A connection is a session as the reader of ranges sees it.
type connection struct {
	*session.Session
	each, total int64 // blocks, ranges
}

// Range reads the blocks of a range; the last one has no end.
func (c *connection) Range(ctx context.Context, n int64) ranges.Rows {
	end := (n + 1) * c.each
	if n == c.total-1 {
		end = -1
	}
	return c.Session.Range(ctx, n*c.each, end)
}
