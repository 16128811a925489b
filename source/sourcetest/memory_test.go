package sourcetest_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sourcetest"
)

// memory is a source over the suite's tables that follows every rule, unless a
// fault is set. Faults are named where they sit.
type memory struct {
	tables []sourcetest.Table
	fault  string
	calls  atomic.Int64
	opened atomic.Int64 // readers that hold something
	snapshots
}

func (m *memory) is(fault string) bool { return m.fault == fault }

func (m *memory) Datasets(context.Context, string) ([]source.Dataset, error) {
	var out []source.Dataset
	for _, t := range m.tables {
		d := t.Dataset
		d.Schema = slices.Clone(d.Schema)
		d.Unguarded = m.is("tenant and unguarded")
		if m.is("time is not temporal") && d.Time != "" {
			d.Time = d.Tenant
		}
		if m.is("decimal declared float") {
			for i := range d.Schema {
				if d.Schema[i].Kind == source.Decimal(12, 4) {
					d.Schema[i].Kind = source.Float64
				}
			}
		}
		if m.is("nullable declared required") {
			d.Schema[len(d.Schema)-2].Required = true
		}
		out = append(out, d)
	}
	switch {
	case m.is("catalog changes") && m.calls.Add(1)%2 == 0:
		slices.Reverse(out)
	case m.is("dataset missing"):
		out = out[1:]
	case m.is("dataset twice"):
		out = append(out, out[0])
	}
	return out, nil
}

func (m *memory) table(name string) (sourcetest.Table, error) {
	for _, t := range m.tables {
		if t.Dataset.Name == name || m.is("names fold case") && strings.EqualFold(name, t.Dataset.Name) {
			return t, nil
		}
	}
	if m.is("unknown dataset unnamed") {
		return sourcetest.Table{}, errors.New("no such dataset")
	}
	return sourcetest.Table{}, fmt.Errorf("memory: %w", source.ErrUnknownDataset)
}

func (m *memory) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	if !m.is("ignores ctx") && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	t, rows, err := m.rows(q)
	if err != nil {
		return nil, err
	}
	if n := m.opened.Add(1); m.is("one reader at a time") && n > 1 {
		m.opened.Add(-1)
		return nil, errors.New("busy")
	} else if m.is("closing early keeps the connection") && n > 10 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	columns := slices.Concat(q.Columns, q.Guard)
	if m.is("natural order of columns") {
		slices.SortFunc(columns, func(a, b string) int {
			return cmp.Compare(t.Dataset.Schema.Index(a), t.Dataset.Schema.Index(b))
		})
	}
	if m.is("order changes") && m.calls.Add(1)%2 == 0 {
		slices.Reverse(rows)
	}
	r := &reader{m: m, t: t, rows: rows, columns: columns, selected: len(q.Columns)}
	switch {
	case m.is("not counted"):
		return struct{ source.Reader }{r}, nil
	case m.is("not raw"):
		return struct{ source.CountedReader }{r}, nil
	}
	return r, nil
}

// rows returns the positions of q's rows in order.
func (m *memory) rows(q source.Query) (sourcetest.Table, []int, error) {
	t, err := m.table(q.Dataset)
	if err != nil {
		return t, nil, err
	}
	d := t.Dataset
	timed := !q.From.IsZero() || !q.To.IsZero() || q.NullTime
	if (timed && d.Time == "" || q.Subject != "" && d.Subject == "") && !m.is("ignores what it cannot do") {
		return t, nil, fmt.Errorf("memory: %w", source.ErrUnsupported)
	}
	var rows []int
	for row := range t.Rows.Len() {
		if m.asked(t, q, row) {
			rows = append(rows, row)
		}
	}
	if !m.is("no order") {
		slices.SortStableFunc(rows, func(a, b int) int { return m.compareKey(t, a, key(t, b), "") })
	}
	switch {
	case m.is("drops the last row") && len(rows) > 20:
		rows = rows[:len(rows)-1]
	case m.is("gives a row twice") && len(rows) > 20:
		rows = slices.Insert(rows, 10, rows[10])
	}
	return t, rows, nil
}

func (m *memory) asked(t sourcetest.Table, q source.Query, row int) bool {
	d := t.Dataset
	same := func(a, b string) bool { return a == b }
	if m.is("tenants fold case") {
		same = strings.EqualFold
	} else if m.is("tenants by prefix") {
		same = strings.HasPrefix
	}
	if tenant, _ := text(t, row, d.Tenant); !same(tenant, q.Tenant) && !m.is("all tenants") {
		return false
	}
	if d.Time != "" && !m.inTime(t, q, row) {
		return false
	}
	if q.Subject != "" && d.Subject != "" && !m.is("ignores subjects") {
		who, _ := text(t, row, d.Subject)
		if who != q.Subject && !(m.is("subjects fold case") && strings.EqualFold(who, q.Subject)) {
			return false
		}
	}
	for _, f := range q.Filters {
		if !m.passes(t, f, row) && !(m.is("bounds replace filters") && len(q.After) > 0) {
			return false
		}
	}
	return m.within(t, q, row)
}

func (m *memory) inTime(t sourcetest.Table, q source.Query, row int) bool {
	col := t.Dataset.Schema.Index(t.Dataset.Time)
	v := t.Rows.Col(col)
	at, isNull := source.Instant(v.Kind(), v.Int64s()[row]), v.Null(row)
	from, to := q.From, q.To
	if m.is("bounds by the wall clock") {
		from, to = wall(from), wall(to)
	}
	if m.is("bounds to the millisecond") {
		from, to, at = from.Truncate(time.Millisecond), to.Truncate(time.Millisecond), at.Truncate(time.Millisecond)
	}
	switch {
	case q.NullTime && !m.is("ignores NullTime"):
		return isNull
	case from.IsZero() && to.IsZero():
		return true
	case isNull:
		return m.is("null times in every range")
	case !from.IsZero() && at.Before(from), !to.IsZero() && at.After(to):
		return false
	case !from.IsZero() && at.Equal(from):
		return !m.is("from is exclusive")
	case !to.IsZero() && at.Equal(to):
		return m.is("to is inclusive")
	}
	return true
}

func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second)
}

func (m *memory) passes(t sourcetest.Table, f source.Filter, row int) bool {
	got, isNull := text(t, row, f.Column)
	kind := t.Dataset.Schema[t.Dataset.Schema.Index(f.Column)].Kind
	if isNull {
		return f.Null && !m.is("filters drop nulls")
	}
	values := f.In
	switch {
	case len(values) == 0 && !f.Null && m.is("an empty filter keeps all"):
		return true
	case m.is("filters take 999 values") && len(values) > 999:
		values = values[:999]
	case m.is("filters on floats keep nothing") && kind == source.Float64:
		return false
	}
	return slices.ContainsFunc(values, func(want string) bool {
		switch {
		case m.is("filters fold case"):
			return strings.EqualFold(want, got)
		case m.is("filters trim spaces") && kind == source.String:
			return strings.TrimRight(want, " ") == strings.TrimRight(got, " ")
		}
		return want == got
	})
}

func (m *memory) within(t sourcetest.Table, q source.Query, row int) bool {
	column := ""
	if m.is("bounds by the first key column") && len(t.Dataset.Key) > 1 {
		column = t.Dataset.Key[0]
	}
	if len(q.After) > 0 {
		if c := m.compareKey(t, row, q.After, column); c < 0 || c == 0 && !m.is("After is inclusive") {
			return false
		}
	}
	if len(q.UpTo) > 0 {
		if c := m.compareKey(t, row, q.UpTo, column); c > 0 || c == 0 && m.is("UpTo is exclusive") {
			return false
		}
	}
	return true
}

// compareKey compares a row's key with another, by one column if it is named.
func (m *memory) compareKey(t sourcetest.Table, row int, other source.Key, column string) int {
	for i, name := range t.Dataset.Key {
		kind := t.Dataset.Schema[t.Dataset.Schema.Index(name)].Kind
		own, _ := text(t, row, name)
		if c := compare(kind, own, other[i]); c != 0 && !m.is("keys as texts") {
			return c
		}
		if c := cmp.Compare(own, other[i]); c != 0 || name == column {
			return c
		}
	}
	return 0
}

func compare(k source.Kind, a, b string) int {
	switch k.Base() {
	case source.Int64:
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return cmp.Compare(x, y)
	case source.AnyDecimal:
		x, _ := source.ParseDecimal(a, k.Precision(), k.Scale(), false)
		y, _ := source.ParseDecimal(b, k.Precision(), k.Scale(), false)
		return x.Cmp(y)
	case source.Timestamp: // with and without a fraction
		return cmp.Compare(strings.TrimSuffix(a, "Z"), strings.TrimSuffix(b, "Z"))
	}
	return cmp.Compare(a, b)
}

func text(t sourcetest.Table, row int, column string) (string, bool) {
	return t.Text(row, t.Dataset.Schema.Index(column))
}

func key(t sourcetest.Table, row int) source.Key {
	out := make(source.Key, len(t.Dataset.Key))
	for i, name := range t.Dataset.Key {
		out[i], _ = text(t, row, name)
	}
	return out
}

// Count, Split and Span make memory complete.

func (m *memory) Count(_ context.Context, q source.Query) (int64, error) {
	if m.is("counts without the filters") {
		q.Filters = nil
	}
	_, rows, err := m.rows(q)
	return int64(len(rows)), err
}

func (m *memory) Split(_ context.Context, q source.Query, n int64) (keys []source.Key, err error) {
	if m.is("splits without the bounds") {
		q.After, q.UpTo = nil, nil
	}
	t, rows, err := m.rows(q)
	if err == nil && len(t.Dataset.Key) == 0 && !m.is("splits without a key") {
		err = fmt.Errorf("memory: %w", source.ErrUnsupported)
	}
	if err != nil || len(t.Dataset.Key) == 0 {
		return nil, err
	}
	for i := int(n); i < len(rows); i += int(n) {
		last := i - 1
		if m.is("splits at the first key") {
			last = i
		}
		keys = append(keys, key(t, rows[last]))
	}
	return keys, nil
}

func (m *memory) Span(_ context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	if m.is("span of all tenants") {
		q.Filters, q.Subject, q.From, q.To = nil, "", time.Time{}, time.Time{}
	}
	t, rows, err := m.rows(q)
	if err != nil {
		return first, last, false, err
	}
	v := t.Rows.Col(t.Dataset.Schema.Index(t.Dataset.Time))
	for _, row := range rows {
		at := source.Instant(v.Kind(), v.Int64s()[row])
		if v.Null(row) && !m.is("span counts nulls as 1970") {
			continue
		}
		if !ok || at.Before(first) {
			first = at
		}
		if !ok || at.After(last) {
			last = at
		}
		ok = true
	}
	return first, last, ok, nil
}

type reader struct {
	m        *memory
	t        sourcetest.Table
	rows     []int
	columns  []string
	selected int
	next     int
	err      error
	closed   bool
	kept     *source.Batch
	keptRaw  *source.RawBatch
	decoding atomic.Int64
}

func (r *reader) Read(ctx context.Context, b *source.Batch) error {
	if ctx.Err() != nil && !r.m.is("ignores ctx") {
		switch {
		case r.m.is("canceled looks like the end"):
			return io.EOF
		case r.m.is("goes on after canceled"):
			return ctx.Err()
		}
		r.err = ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	if r.kept == nil {
		r.kept = b
	}
	if r.m.is("fills the first batch") {
		b = r.kept
	}
	for r.next < len(r.rows) && !r.full(b) {
		r.add(b, r.rows[r.next])
		r.next++
	}
	switch {
	case r.m.is("end with rows") && r.next == len(r.rows):
		return io.EOF
	case r.m.is("nil at the end") && b.Len() == 0 && r.err == nil:
		r.err = io.EOF
		return nil
	case r.m.is("wraps the end") && b.Len() == 0:
		return fmt.Errorf("memory: %w", io.EOF)
	case b.Len() == 0:
		if r.m.is("starts again after the end") {
			r.next = 0
		}
		return io.EOF
	}
	return nil
}

func (r *reader) full(b *source.Batch) bool {
	switch {
	case r.m.is("one row a batch"):
		return b.Len() == 1
	case r.m.is("never full"):
		return false
	case r.m.is("one row too many"):
		return b.Full() && r.next > 0 && b.Len()%2 == 0
	}
	return b.Full()
}

func (r *reader) add(b *source.Batch, row int) {
	for i, name := range r.columns {
		v := b.Col(i)
		cell, isNull := text(r.t, row, name)
		if isNull || r.m.is("no guards") && i >= r.selected || r.m.is("empty is null") && cell == "" {
			v.AppendNull()
			continue
		}
		if err := source.ParseText(v, r.spoil(v.Kind(), cell)); err != nil {
			panic(err)
		}
	}
	b.EndRow()
}

// spoil is what lossy drivers do to a value.
func (r *reader) spoil(k source.Kind, cell string) string {
	switch {
	case r.m.is("decimals through floats") && k.Base() == source.AnyDecimal:
		f, _ := strconv.ParseFloat(cell, 64)
		return strings.TrimLeft(strconv.FormatFloat(min(max(f, -1e20), 1e20), 'f', min(k.Scale(), 4), 64), "+")
	case r.m.is("integers through floats") && k == source.Int64:
		i, _ := strconv.ParseInt(cell, 10, 64)
		return strconv.FormatFloat(min(max(float64(i), -1e18), 1e18), 'f', 0, 64)
	case r.m.is("times to the millisecond") && k == source.Timestamp:
		at, _ := time.Parse(time.RFC3339Nano, cell)
		return at.Truncate(time.Millisecond).Format(time.RFC3339Nano)
	case r.m.is("compacts JSON") && k == source.JSON:
		var out bytes.Buffer
		_ = json.Compact(&out, []byte(cell))
		return out.String()
	case r.m.is("trims strings") && k == source.String:
		return strings.TrimSpace(cell)
	}
	return cell
}

func (r *reader) Count() (int64, bool) {
	if r.m.is("counts what is left") {
		return int64(len(r.rows) - r.next), true
	}
	return int64(len(r.rows)), !r.m.is("count unknown")
}

func (r *reader) Close() error {
	if r.closed {
		if r.m.is("closes once") {
			return errors.New("already closed")
		}
		return nil
	}
	r.closed = true
	if !r.m.is("closing early keeps the connection") || r.next == len(r.rows) {
		r.m.opened.Add(-1)
	}
	return nil
}
