package slicesource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource/internal/fields"
)

var (
	_ source.Source   = (*Source)(nil)
	_ source.Counter  = (*Source)(nil)
	_ source.Splitter = (*Source)(nil)
	_ source.Spanner  = (*Source)(nil)
)

// Options describe the dataset.
type Options struct {
	// Title is what people read. Default: the dataset's name.
	Title string
	// Area groups datasets for people: chat, billing. Default: none.
	Area string
	// Unguarded says that the rows name no tenant: every tenant gets them all.
	// Needed exactly when no field is tagged tenant.
	Unguarded bool
	// Off is the reason why the dataset cannot be exported now. Default: it can.
	Off string
}

// A Source is a dataset of Go values. It is safe for concurrent use.
type Source struct {
	dataset source.Dataset
	shape   *fields.Shape
	slice   *slice  // nil for a source of a function
	stream  *stream // nil for a source of a slice
}

// New returns a source of one dataset whose rows are the structs of a slice,
// or the structs it points to. The rows are read in the order of the key, which
// is found once, here; without a key they are read in the order of the slice.
// The slice is not copied and must not change while the source is in use.
//
// New fails when the tags of T are wrong, naming every problem, and when a row
// has no key, or the key of another row of its tenant.
func New[T any](name string, rows []T, opts *Options) (*Source, error) {
	s, err := describe[T](name, opts)
	if err != nil {
		return nil, err
	}
	s.slice = &slice{rows: len(rows), cursor: func() cursor {
		buf, store := buffer[T](s.shape)
		return cursor{buf: buf, load: func(i int) error { return store(rows[i]) }}
	}}
	if err := s.slice.sort(s); err != nil {
		return nil, err
	}
	return s, nil
}

// NewFunc returns a source of one dataset whose rows a function gives, as
// structs of type T or pointers to them: an ORM's query, a page after page of a
// remote interface. fn is called once for each read and its sequence is walked
// once, by one goroutine.
//
// The query tells fn what is asked for. It may answer all of it or give more:
// every row is tested here again for tenant, time range, filters, subject and
// key bounds, so that a fn that ignores the query is slow and not wrong. Rows of
// a struct with a key must come in the key's order; one that does not fails
// the read. Fields that the query names neither as column nor guard, and that
// none of these tests needs, are not looked at and may be left zero.
//
// A pair with an error ends the read with that error. The sequence should end
// when ctx does; a sequence that ends because of it, without an error, is not
// taken for complete.
//
// Such a source cannot count, split or find the span of its rows without
// reading them: Count, Split and Span answer [source.ErrUnsupported].
func NewFunc[T any](name string, fn func(ctx context.Context, q source.Query) iter.Seq2[T, error], opts *Options) (*Source, error) {
	s, err := describe[T](name, opts)
	if err != nil {
		return nil, err
	}
	if fn == nil {
		return nil, fmt.Errorf("slicesource: dataset %q has no function", name)
	}
	s.stream = &stream{start: func() (reflect.Value, walker) {
		buf, store := buffer[T](s.shape)
		return buf, func(ctx context.Context, q source.Query, row func(error) bool) {
			for value, err := range fn(ctx, q) {
				if err == nil {
					err = store(value)
				}
				if !row(err) {
					return
				}
			}
		}
	}}
	return s, nil
}

func describe[T any](name string, opts *Options) (*Source, error) {
	if opts == nil {
		opts = &Options{}
	}
	shape, err := fields.ShapeOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	d, err := catalog(name, shape, *opts)
	if err != nil {
		return nil, err
	}
	return &Source{dataset: d, shape: shape}, nil
}

// catalog describes the dataset.
func catalog(name string, s *fields.Shape, opts Options) (source.Dataset, error) {
	d := source.Dataset{
		Name: name, Title: opts.Title, Area: opts.Area, Off: opts.Off,
		Schema: s.Schema, Unguarded: opts.Unguarded,
	}
	column := func(i int) string {
		if i < 0 {
			return ""
		}
		return s.Schema[i].Name
	}
	d.Tenant, d.Time, d.Subject = column(s.Tenant), column(s.Time), column(s.Subject)
	for _, i := range s.Key {
		d.Key = append(d.Key, s.Schema[i].Name)
	}
	switch {
	case name == "":
		return d, errors.New("slicesource: a dataset needs a name")
	case d.Tenant == "" && !d.Unguarded:
		return d, fmt.Errorf("slicesource: dataset %q: tag the tenant's field, or set Options.Unguarded", name)
	case d.Tenant != "" && d.Unguarded:
		return d, fmt.Errorf("slicesource: dataset %q has a tenant field and Options.Unguarded: want one of them", name)
	}
	return d, nil
}

// buffer returns a struct to bind to and what stores a row in it. Copying each
// row to one place lets every field be read through a pointer made once.
func buffer[T any](s *fields.Shape) (buf reflect.Value, store func(T) error) {
	if reflect.TypeFor[T]().Kind() == reflect.Struct {
		row := new(T)
		return reflect.ValueOf(row).Elem(), func(value T) error {
			*row = value
			return nil
		}
	}
	buf = reflect.New(s.Row).Elem()
	return buf, func(value T) error {
		v := reflect.ValueOf(value)
		if v.IsNil() {
			return errors.New("slicesource: a row is a nil pointer")
		}
		buf.Set(v.Elem())
		return nil
	}
}

// Datasets returns the one dataset, to every tenant.
func (s *Source) Datasets(ctx context.Context, _ string) ([]source.Dataset, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return []source.Dataset{s.dataset}, nil
}

// Open starts a read.
func (s *Source) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.stream != nil {
		return s.openStream(ctx, q)
	}
	r, err := s.openSlice(q)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Count returns the number of rows of a query over a slice.
func (s *Source) Count(ctx context.Context, q source.Query) (rows int64, err error) {
	q.Columns, q.Guard = nil, nil
	err = s.each(ctx, q, func(*program) error {
		rows++
		return nil
	})
	return rows, err
}

// Split cuts a query over a slice into ranges of exactly that many rows, the
// last one excepted.
func (s *Source) Split(ctx context.Context, q source.Query, rows int64) (keys []source.Key, err error) {
	if rows < 1 {
		return nil, fmt.Errorf("slicesource: ranges of %d rows", rows)
	}
	q.Columns, q.Guard = nil, nil
	if len(s.dataset.Key) == 0 && q.Dataset == s.dataset.Name {
		return nil, fmt.Errorf("slicesource: dataset %q has no key: %w", s.dataset.Name, source.ErrUnsupported)
	}
	var seen int64
	var last source.Key
	err = s.each(ctx, q, func(p *program) (err error) {
		if last != nil { // a row follows the one that filled its range
			keys, last = append(keys, last), nil
		}
		if seen++; seen%rows != 0 {
			return nil
		}
		if err = p.loadKey(); err == nil {
			last, err = p.keyText()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// Span returns the first and last time of a query over a slice.
func (s *Source) Span(ctx context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	if s.dataset.Time == "" && q.Dataset == s.dataset.Name {
		return first, last, false, fmt.Errorf("slicesource: dataset %q has no time column: %w", s.dataset.Name, source.ErrUnsupported)
	}
	q.Columns, q.Guard = []string{s.dataset.Time}, nil
	var low, high int64
	err = s.each(ctx, q, func(p *program) error {
		op := &p.columns[0]
		if err := p.value(op); err != nil || op.cell.Null {
			return err
		}
		if !ok || op.cell.Int < low {
			low = op.cell.Int
		}
		if !ok || op.cell.Int > high {
			high = op.cell.Int
		}
		ok = true
		return nil
	})
	if err != nil || !ok {
		return first, last, false, err
	}
	kind := s.dataset.Schema[s.shape.Time].Kind
	return source.Instant(kind, low), source.Instant(kind, high), true, nil
}
