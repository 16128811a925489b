package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/exportyard/exportyard/source"
)

// openRaw opens a query whose reader only cuts.
func (s *suite) openRaw(ctx context.Context, q source.Query) (source.RawReader, error) {
	r, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	raw, ok := source.RawOf(r)
	if !ok {
		return nil, errors.Join(errors.New("the reader is no RawReader, and the harness does not say that it lacks it"), r.Close())
	}
	return raw, nil
}

// stepRaw cuts one batch and holds the reader to the protocol; more is false at
// the end of the rows.
func stepRaw(ctx context.Context, r source.RawReader, raw *source.RawBatch) (more bool, err error) {
	switch err := r.ReadRaw(ctx, raw); {
	case err == io.EOF && raw.Len() > 0:
		return false, fmt.Errorf("io.EOF with %d rows in the raw batch: these would be lost", raw.Len())
	case err == io.EOF:
		return false, nil
	case errors.Is(err, io.EOF):
		return false, fmt.Errorf("a wrapped io.EOF (%w): the end must be io.EOF itself", err)
	case err != nil:
		return false, fmt.Errorf("read raw: %w", err)
	case raw.Len() == 0:
		return false, errors.New("nil with no row in the raw batch: want rows or io.EOF")
	}
	return true, nil
}

// decode decodes into a new batch and returns the texts of its rows.
func (t Table) decode(q source.Query, r source.RawReader, raw *source.RawBatch) ([][]string, error) {
	b := t.batch(q, 1, 1) // all rows belong into it, however full it is
	if err := r.Decode(raw, b); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if b.Len() != raw.Len() {
		return nil, fmt.Errorf("decoded %d rows of a raw batch of %d", b.Len(), raw.Len())
	}
	return texts(b), nil
}

// readRaw reads a query to its end through one raw batch, and returns the texts
// of its rows and how they were cut.
func (s *suite) readRaw(ctx context.Context, t Table, q source.Query, raw *source.RawBatch) (rows [][]string, lengths []int, err error) {
	r, err := s.openRaw(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		raw.Reset()
		more, err := stepRaw(ctx, r, raw)
		if err != nil || !more {
			return rows, lengths, err
		}
		decoded, err := t.decode(q, r, raw)
		if err != nil {
			return rows, lengths, err
		}
		rows, lengths = append(rows, decoded...), append(lengths, raw.Len())
	}
}

func rawRows(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		queries := t.wholeQueries()
		names := t.Dataset.Schema.Names()
		slices.Reverse(names)
		guarded := t.all(tenantA)
		guarded.Columns, guarded.Guard = names[:1], names[1:]
		queries = append(queries, query{"backwards, with guards", guarded})
		for _, q := range slices.Concat(queries, t.mixedQueries()) {
			got, _, err := s.readRaw(ctx, t, q.Query, source.NewRawBatch(16, 0))
			if err == nil {
				err = t.compare(q.Query, got)
			}
			if err != nil {
				return in(t, q.what, err)
			}
		}
	}
	return nil
}

func rawEnd(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		for _, tenant := range []string{tenantA, nobody} {
			r, err := s.openRaw(ctx, t.all(tenant))
			if err != nil {
				return in(t, tenant, err)
			}
			raw := source.NewRawBatch(16, 0)
			for more := true; more && err == nil; {
				raw.Reset()
				more, err = stepRaw(ctx, r, raw)
			}
			if err == nil {
				raw.Reset()
				if again := r.ReadRaw(ctx, raw); again != io.EOF || raw.Len() > 0 {
					err = fmt.Errorf("a read after the end gave %d rows and: %v", raw.Len(), again)
				}
			}
			if err := errors.Join(err, r.Close()); err != nil {
				return in(t, tenant, err)
			}
		}
	}
	return nil
}

func rawFull(ctx context.Context, s *suite) error {
	for _, t := range s.keyed() {
		q := t.all(tenantA)
		total := len(t.want(q))
		for _, limit := range [][2]int{{1, 0}, {7, 0}, {64, 0}, {100_000, 1}} {
			each := limit[0]
			if limit[1] == 1 {
				each = 1 // no row is shorter than a byte
			}
			var want []int
			for left := total; left > 0; left -= each {
				want = append(want, min(left, each))
			}
			_, got, err := s.readRaw(ctx, t, q, source.NewRawBatch(limit[0], limit[1]))
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("raw batches of %d rows, want %d", got, want)
			}
			if err != nil {
				return in(t, fmt.Sprintf("full at %d rows or %d bytes", limit[0], limit[1]), err)
			}
		}
		_, first, err := s.readRaw(ctx, t, q, source.NewRawBatch(0, 600))
		if err != nil {
			return in(t, "full at 600 bytes", err)
		}
		_, second, err := s.readRaw(ctx, t, q, source.NewRawBatch(0, 600))
		if err == nil && !slices.Equal(first, second) {
			err = fmt.Errorf("raw batches of %d rows, and %d when read again", first, second)
		}
		if err != nil {
			return in(t, "full at 600 bytes", err)
		}
	}
	return nil
}

func rawBatches(ctx context.Context, s *suite) error {
	t := s.things()
	q := t.all(tenantA)
	r, err := s.openRaw(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var got [][]string
	var waiting []*source.RawBatch // cut, and decoded only after the next were
	flush := func(keep int) error {
		for len(waiting) > keep {
			raw := waiting[0]
			waiting = waiting[1:]
			before := slices.Clone(raw.Data)
			b := t.batch(q, 0, 0)
			if err := r.Decode(raw, b); err != nil {
				return fmt.Errorf("decode: %w", err)
			}
			if !slices.Equal(before, raw.Data) {
				return errors.New("decoding changed the raw batch")
			}
			for i := range raw.Data { // what becomes of the arena is nothing to the cells
				raw.Data[i] = 0xA5
			}
			got = append(got, texts(b)...)
		}
		return nil
	}
	for {
		raw := source.NewRawBatch(5, 0)
		more, err := stepRaw(ctx, r, raw)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		waiting = append(waiting, raw)
		if err := flush(2); err != nil {
			return err
		}
	}
	if err := flush(0); err != nil {
		return err
	}
	return t.compare(q, got)
}

func rawConcurrent(ctx context.Context, s *suite) error {
	t := s.things()
	q := t.all(tenantA)
	r, err := s.openRaw(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var wg sync.WaitGroup
	defer wg.Wait() // before the reader is closed
	var rows [][][]string
	var errs []error
	var mu sync.Mutex
	for n := 0; ; n++ {
		raw := source.NewRawBatch(3, 0)
		more, err := stepRaw(ctx, r, raw)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		mu.Lock()
		rows = append(rows, nil)
		mu.Unlock()
		wg.Go(func() {
			decoded, err := func() (rows [][]string, err error) {
				defer func() {
					if p := recover(); p != nil {
						err = fmt.Errorf("panic: %v", p)
					}
				}()
				return t.decode(q, r, raw)
			}()
			mu.Lock()
			defer mu.Unlock()
			rows[n], errs = decoded, append(errs, err)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return t.compare(q, slices.Concat(rows...))
}

func rawCancel(ctx context.Context, s *suite) error {
	q := s.things().all(tenantA)
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := s.openRaw(canceled, q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	raw := source.NewRawBatch(1, 0)
	if _, err := stepRaw(canceled, r, raw); err != nil {
		return err
	}
	cancel()
	raw.Reset()
	if err := r.ReadRaw(canceled, raw); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("want context.Canceled, got %d rows and: %v", raw.Len(), err)
	}
	raw.Reset()
	if err := r.ReadRaw(ctx, raw); err == nil || err == io.EOF {
		return fmt.Errorf("a read after the canceled one gave %d rows and: %v", raw.Len(), err)
	}
	return nil
}
