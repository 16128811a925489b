package slicesource

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource/internal/fields"
)

// A program answers one query row by row: it is bound to a buffer that holds
// one row, says whether the row is asked for, and appends it to a batch. It is
// used by one goroutine.
type program struct {
	dataset *source.Dataset
	columns []operand     // in the order of the batch
	tests   []test        // all must hold, the tenant first
	key     []operand     // the key's columns, in its order
	after   []fields.Cell // bounds of the key, empty when there are none
	upTo    []fields.Cell
}

// An operand is a column bound to the buffer, and its cell.
type operand struct {
	field *source.Field
	load  fields.Loader
	cell  fields.Cell
}

// A test keeps or drops a row by one column.
type test struct {
	operand
	keep func(*fields.Cell) bool
}

// compile makes the program of a query over the row in buf, the struct.
func (s *Source) compile(q source.Query, buf reflect.Value) (*program, error) {
	if q.Dataset != s.dataset.Name {
		return nil, fmt.Errorf("slicesource: %w: %q", source.ErrUnknownDataset, q.Dataset)
	}
	c := &compiler{s: s, buf: buf, p: &program{dataset: &s.dataset}}
	for _, name := range slices.Concat(q.Columns, q.Guard) {
		op, err := c.operand(name)
		if err != nil {
			return nil, err
		}
		c.p.columns = append(c.p.columns, op)
	}
	for _, name := range s.dataset.Key {
		op, err := c.operand(name)
		if err != nil {
			return nil, err
		}
		c.p.key = append(c.p.key, op)
	}
	return c.p, c.restrict(q)
}

type compiler struct {
	s   *Source
	buf reflect.Value
	p   *program
}

func (c *compiler) operand(name string) (operand, error) {
	i := c.s.dataset.Schema.Index(name)
	if i < 0 {
		return operand{}, fmt.Errorf("slicesource: dataset %q has no column %q", c.s.dataset.Name, name)
	}
	load, err := c.s.shape.Bind(c.buf, i)
	return operand{field: &c.s.dataset.Schema[i], load: load}, err
}

func (c *compiler) test(column string, keep func(source.Kind) (func(*fields.Cell) bool, error)) error {
	op, err := c.operand(column)
	if err != nil {
		return err
	}
	fn, err := keep(op.field.Kind)
	if err != nil {
		return err
	}
	c.p.tests = append(c.p.tests, test{op, fn})
	return nil
}

// restrict adds the tests and bounds that q asks for.
func (c *compiler) restrict(q source.Query) error {
	d := c.s.dataset
	ranged := !q.From.IsZero() || !q.To.IsZero()
	refuse := func(what string) error {
		return fmt.Errorf("slicesource: dataset %q has no %s: %w", d.Name, what, source.ErrUnsupported)
	}
	var errs []error
	if d.Tenant != "" {
		errs = append(errs, c.test(d.Tenant, isText(q.Tenant)))
	}
	switch {
	case (ranged || q.NullTime) && d.Time == "":
		errs = append(errs, refuse("time column"))
	case ranged && q.NullTime:
		errs = append(errs, fmt.Errorf("slicesource: a time range and null times at once: %w", source.ErrUnsupported))
	case ranged:
		errs = append(errs, c.test(d.Time, inRange(q.From, q.To)))
	case q.NullTime:
		errs = append(errs, c.test(d.Time, isNull))
	}
	for _, f := range q.Filters {
		errs = append(errs, c.test(f.Column, isIn(f)))
	}
	switch {
	case q.Subject != "" && d.Subject == "":
		errs = append(errs, refuse("subject column"))
	case q.Subject != "":
		errs = append(errs, c.test(d.Subject, isText(q.Subject)))
	}
	var err error
	if len(q.After)+len(q.UpTo) > 0 && len(d.Key) == 0 {
		errs = append(errs, refuse("key"))
	} else if c.p.after, err = parseKey(d, q.After); err != nil {
		errs = append(errs, err)
	} else if c.p.upTo, err = parseKey(d, q.UpTo); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func never(*fields.Cell) bool { return false }

// isText keeps the rows whose cell has exactly this text.
func isText(text string) func(source.Kind) (func(*fields.Cell) bool, error) {
	return func(k source.Kind) (func(*fields.Cell) bool, error) {
		want, err := fields.Parse(k, text)
		if err != nil {
			return never, nil // a text that the kind does not have
		}
		if canonical, err := want.Text(k); err != nil || canonical != text {
			return never, err
		}
		return func(c *fields.Cell) bool { return !c.Null && fields.Compare(k, c, &want) == 0 }, nil
	}
}

func isNull(source.Kind) (func(*fields.Cell) bool, error) {
	return func(c *fields.Cell) bool { return c.Null }, nil
}

// isIn keeps the rows whose cell is one of the filter's values.
func isIn(f source.Filter) func(source.Kind) (func(*fields.Cell) bool, error) {
	return func(k source.Kind) (func(*fields.Cell) bool, error) {
		values := make([]fields.Cell, len(f.In))
		for i, text := range f.In {
			var err error
			if values[i], err = fields.Parse(k, text); err != nil {
				return nil, fmt.Errorf("slicesource: a value of the filter on %q: %w", f.Column, err)
			}
		}
		order := func(a, b fields.Cell) int { return fields.Compare(k, &a, &b) }
		slices.SortFunc(values, order)
		return func(c *fields.Cell) bool {
			if c.Null {
				return f.Null
			}
			_, found := slices.BinarySearchFunc(values, c, func(value fields.Cell, c *fields.Cell) int { return fields.Compare(k, &value, c) })
			return found
		}, nil
	}
}

// inRange keeps the rows whose time is at or after from and before to.
func inRange(from, to time.Time) func(source.Kind) (func(*fields.Cell) bool, error) {
	return func(k source.Kind) (func(*fields.Cell) bool, error) {
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		if !from.IsZero() {
			low = firstCell(k, from)
		}
		if !to.IsZero() {
			high = firstCell(k, to)
		}
		return func(c *fields.Cell) bool { return !c.Null && c.Int >= low && c.Int < high }, nil
	}
}

// firstCell returns the least cell of a temporal kind that is not before t.
func firstCell(k source.Kind, t time.Time) int64 {
	switch {
	case t.Before(source.Instant(source.Timestamp, source.MinMicro)):
		return math.MinInt64
	case t.After(source.Instant(source.Timestamp, source.MaxMicro)):
		return math.MaxInt64
	}
	cell := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		cell++
	}
	if k == source.Date {
		day := source.Day(t.UTC())
		if source.Instant(k, day).Before(t) {
			day++
		}
		return day
	}
	return cell
}

// parseKey reads a bound.
func parseKey(d source.Dataset, key source.Key) ([]fields.Cell, error) {
	if len(key) == 0 {
		return nil, nil
	}
	if len(key) != len(d.Key) {
		return nil, fmt.Errorf("slicesource: dataset %q: a bound of %d values for a key of %d columns", d.Name, len(key), len(d.Key))
	}
	cells := make([]fields.Cell, len(key))
	for i, text := range key {
		var err error
		if cells[i], err = fields.Parse(d.Schema[d.Schema.Index(d.Key[i])].Kind, text); err != nil {
			return nil, fmt.Errorf("slicesource: dataset %q: a bound of key column %q: %w", d.Name, d.Key[i], err)
		}
	}
	return cells, nil
}

// value loads the operand's cell from the row.
func (p *program) value(op *operand) error {
	op.cell.Null = false
	if err := op.load(&op.cell); err != nil {
		return &source.DataError{Dataset: p.dataset.Name, Column: op.field.Name, Rule: "not a " + op.field.Kind.String(), Err: err}
	}
	return nil
}

// wanted reports whether the row passes every test.
func (p *program) wanted() (bool, error) {
	for i := range p.tests {
		t := &p.tests[i]
		if err := p.value(&t.operand); err != nil {
			return false, err
		}
		if !t.keep(&t.cell) {
			return false, nil
		}
	}
	return true, nil
}

// loadKey loads the row's key into p.key.
func (p *program) loadKey() error {
	for i := range p.key {
		if err := p.value(&p.key[i]); err != nil {
			return err
		}
	}
	return nil
}

// compareKey orders the key that was loaded last and another one.
func (p *program) compareKey(other []fields.Cell) int {
	for i := range p.key {
		if c := fields.Compare(p.key[i].field.Kind, &p.key[i].cell, &other[i]); c != 0 {
			return c
		}
	}
	return 0
}

// within reports whether the key that was loaded last is within the bounds.
func (p *program) within() bool {
	return (p.after == nil || p.compareKey(p.after) > 0) && (p.upTo == nil || p.compareKey(p.upTo) <= 0)
}

// keyText returns the key that was loaded last.
func (p *program) keyText() (key source.Key, err error) {
	key = make(source.Key, len(p.key))
	for i := range p.key {
		if key[i], err = p.key[i].cell.Text(p.key[i].field.Kind); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// appendRow appends the row to a batch.
func (p *program) appendRow(b *source.Batch) error {
	for i := range p.columns {
		op := &p.columns[i]
		if err := p.value(op); err != nil {
			return err
		}
		if err := op.cell.AppendTo(b.Col(i)); err != nil {
			return &source.DataError{Dataset: p.dataset.Name, Column: op.field.Name, Rule: "too long", Err: err}
		}
	}
	b.EndRow()
	return nil
}
