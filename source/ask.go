package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Count returns the exact number of rows of q: asked of the source where it is
// a [Counter], by reading and throwing away where it is not.
func Count(ctx context.Context, src Source, q Query) (int64, error) {
	rows, known, err := TryCount(ctx, src, q)
	if known || err != nil {
		return rows, err
	}
	err = Each(ctx, src, q, func(b *Batch) error {
		rows += int64(b.Len())
		return nil
	})
	return rows, err
}

// TryCount is [Count] without the reading: known is false where the source
// cannot count.
func TryCount(ctx context.Context, src Source, q Query) (rows int64, known bool, err error) {
	c, ok := src.(Counter)
	if !ok {
		return 0, false, nil
	}
	rows, err = c.Count(ctx, q)
	if errors.Is(err, ErrUnsupported) {
		return 0, false, nil
	}
	return rows, err == nil, err
}

// CountOf returns the reader's own count of its rows; known is false where it
// has none.
func CountOf(r Reader) (rows int64, known bool) {
	if c, ok := r.(CountedReader); ok {
		return c.Count()
	}
	return 0, false
}

// SplitRows returns the keys that cut q into ranges of so many rows, or none
// where the source cannot split.
func SplitRows(ctx context.Context, src Source, q Query, rows int64) ([]Key, error) {
	s, ok := src.(Splitter)
	if !ok {
		return nil, nil
	}
	keys, err := s.Split(ctx, q, rows)
	if errors.Is(err, ErrUnsupported) {
		return nil, nil
	}
	return keys, err
}

// TimeSpan returns the first and last time of q's rows: asked of the source
// where it is a [Spanner], by reading the time column where it is not.
func TimeSpan(ctx context.Context, src Source, d Dataset, q Query) (first, last time.Time, ok bool, err error) {
	if s, is := src.(Spanner); is {
		first, last, ok, err = s.Span(ctx, q)
		if !errors.Is(err, ErrUnsupported) {
			return first, last, ok, err
		}
	}
	i := d.Schema.Index(d.Time)
	if i < 0 {
		return first, last, false, nil
	}
	kind := d.Schema[i].Kind
	q.Columns, q.Guard = []string{d.Time}, nil
	err = Each(ctx, src, q, func(b *Batch) error {
		col := b.Col(0)
		for row, cell := range col.Int64s() {
			if col.Null(row) {
				continue
			}
			t := Instant(kind, cell)
			if !ok || t.Before(first) {
				first = t
			}
			if !ok || t.After(last) {
				last = t
			}
			ok = true
		}
		return nil
	})
	return first, last, ok, err
}

// Each reads q to its end and calls fn with each batch, which fn does not keep.
func Each(ctx context.Context, src Source, q Query, fn func(*Batch) error) (err error) {
	datasets, err := src.Datasets(ctx, q.Tenant)
	if err != nil {
		return err
	}
	d, ok := Find(datasets, q.Dataset)
	if !ok {
		return fmt.Errorf("source: %w: %q", ErrUnknownDataset, q.Dataset)
	}
	schema, err := d.BatchSchema(q)
	if err != nil {
		return err
	}
	r, err := src.Open(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b := NewBatch(schema, 0, 0)
	for {
		b.Reset()
		switch err := r.Read(ctx, b); {
		case err == io.EOF: // exactly: a wrapped one is a connection that broke
			return nil
		case err != nil:
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
	}
}
