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

func readEnd(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		for _, tenant := range []string{tenantA, nobody} {
			r, err := s.open(ctx, t.all(tenant))
			if err != nil {
				return in(t, tenant, err)
			}
			b := t.batch(t.all(tenant), 16, 0)
			_, err = drain(ctx, r, b)
			if err == nil {
				b.Reset()
				if again := r.Read(ctx, b); again != io.EOF || b.Len() > 0 {
					err = fmt.Errorf("a read after the end gave %d rows and: %v", b.Len(), again)
				}
			}
			if err := errors.Join(err, r.Close()); err != nil {
				return in(t, tenant, err)
			}
		}
	}
	return nil
}

func readFull(ctx context.Context, s *suite) error {
	for _, t := range s.keyed() {
		for _, limit := range [][2]int{{1, 0}, {3, 0}, {7, 0}, {64, 0}, {100_000, 1}, {100_000, 600}, {100_000, 5000}} {
			q := t.all(tenantA)
			want := t.cut(q, limit[0], limit[1])
			got, err := s.lengths(ctx, q, t.batch(q, limit[0], limit[1]))
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("batches of %d rows, want %d", got, want)
			}
			if err != nil {
				return in(t, fmt.Sprintf("full at %d rows or %d bytes", limit[0], limit[1]), err)
			}
		}
	}
	return nil
}

// cut returns how many rows each batch must have.
func (t Table) cut(q source.Query, maxRows, maxBytes int) (lengths []int) {
	b := t.batch(q, maxRows, maxBytes)
	for _, row := range t.want(q) {
		if b.Full() {
			lengths = append(lengths, b.Len())
			b.Reset()
		}
		t.copyRow(b, row)
	}
	if b.Len() > 0 {
		lengths = append(lengths, b.Len())
	}
	return lengths
}

// copyRow appends a row of the table to a batch of all its columns.
func (t Table) copyRow(b *source.Batch, row int) {
	for col := range t.Dataset.Schema {
		if text, isNull := t.Text(row, col); isNull {
			b.Col(col).AppendNull()
		} else if err := source.ParseText(b.Col(col), text); err != nil {
			panic("sourcetest: " + err.Error())
		}
	}
	b.EndRow()
}

func (s *suite) lengths(ctx context.Context, q source.Query, b *source.Batch) (lengths []int, err error) {
	r, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		b.Reset()
		more, err := step(ctx, r, b)
		if err != nil || !more {
			return lengths, err
		}
		lengths = append(lengths, b.Len())
	}
}

func readBatches(ctx context.Context, s *suite) error {
	t := s.things()
	q := t.all(tenantA)
	r, err := s.open(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var got, kept [][]string
	var before *source.Batch
	for turn := 0; ; turn++ {
		b := t.batch(q, 5, 0) // a new one each time, and the one before stays as it is
		more, err := step(ctx, r, b)
		if err != nil {
			return fmt.Errorf("batch %d: %w", turn+1, err)
		}
		if before != nil && !slices.EqualFunc(texts(before), kept, slices.Equal) {
			return fmt.Errorf("reading batch %d changed the one before it", turn+1)
		}
		if !more {
			return t.compare(q, got)
		}
		before, kept = b, texts(b)
		got = append(got, kept...)
		if turn%3 == 2 { // what the engine does with a batch is nothing to the reader
			before = nil
			b.Reset()
			t.copyRow(b, 0)
		}
	}
}

func cancelBefore(ctx context.Context, s *suite) error {
	t := s.things()
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	r, err := s.src.Open(ctx, t.all(tenantA))
	if err == nil {
		b := t.batch(t.all(tenantA), 1, 0)
		err = errors.Join(r.Read(ctx, b), r.Close())
	}
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("want context.Canceled from Open or the first Read, got: %v", err)
	}
	return nil
}

func cancelBetween(ctx context.Context, s *suite) error {
	t := s.things()
	q := t.all(tenantA)
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := s.open(canceled, q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	b := t.batch(q, 1, 0)
	if _, err := step(canceled, r, b); err != nil {
		return err
	}
	cancel()
	b.Reset()
	if err := r.Read(canceled, b); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("want context.Canceled, got %d rows and: %v", b.Len(), err)
	}
	b.Reset()
	if err := r.Read(ctx, b); err == nil || err == io.EOF {
		return fmt.Errorf("a read after the canceled one gave %d rows and: %v", b.Len(), err)
	}
	return nil
}

func closeEarly(ctx context.Context, s *suite) error {
	t := s.things()
	q := t.all(tenantA)
	for turn := range 60 { // more than a pool of connections holds
		r, err := s.open(ctx, q)
		if err != nil {
			return fmt.Errorf("open %d: %w", turn+1, err)
		}
		if turn%2 == 0 {
			if _, err := step(ctx, r, t.batch(q, 1, 0)); err != nil {
				return fmt.Errorf("read %d: %w", turn+1, err)
			}
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("second close: %w", err)
		}
	}
	return s.expect(ctx, t, query{"after many early closes", q})
}

func concurrent(ctx context.Context, s *suite) error {
	var wg sync.WaitGroup
	errs := make(chan error, 6*len(s.tables)*len(tenants))
	for range 6 {
		for _, t := range s.tables {
			for _, q := range t.wholeQueries() {
				wg.Go(func() {
					defer func() {
						if p := recover(); p != nil {
							errs <- fmt.Errorf("panic: %v", p)
						}
					}()
					errs <- s.expect(ctx, t, q)
				})
			}
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
