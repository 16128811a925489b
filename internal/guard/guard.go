// Package guard checks rows before they are written: that each is of the tenant
// and within the time that its part is for, and is what formats rely on.
package guard

import (
	"bytes"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/exportyard/exportyard/source"
)

// A Guard checks every row of a part before it is encoded: shape, tenant,
// time, and what formats rely on. It has no state and is safe for concurrent use.
type Guard struct {
	dataset string
	schema  source.Schema
	tenant  int // column, or -1
	want    *source.Vector
	time    int // column, or -1
	from    int64
	to      int64 // exclusive
}

// A Rule says what every row of a part has in common.
type Rule struct {
	Dataset string
	// Schema of the batches.
	Schema source.Schema
	// TenantColumn holds the text Tenant in every row; empty when no column does.
	TenantColumn, Tenant string
	// TimeColumn lies in [From, To) in every row, and is never null; empty
	// when it is free. A zero bound is none.
	TimeColumn string
	From, To   time.Time
}

// New returns an error when the rule does not fit the schema.
func New(r Rule) (*Guard, error) {
	g := &Guard{dataset: r.Dataset, schema: r.Schema, tenant: -1, time: -1, from: math.MinInt64, to: math.MaxInt64}
	if r.TenantColumn != "" {
		if g.tenant = r.Schema.Index(r.TenantColumn); g.tenant < 0 {
			return nil, &source.DataError{Dataset: r.Dataset, Column: r.TenantColumn, Rule: "the tenant's column is not read"}
		}
		g.want = source.NewBatch(r.Schema[g.tenant:g.tenant+1], 0, 0).Col(0)
		if err := source.ParseText(g.want, r.Tenant); err != nil {
			return nil, g.broken(g.tenant, "the tenant's id is not a value of this column's kind")
		}
	}
	if r.TimeColumn != "" {
		if g.time = r.Schema.Index(r.TimeColumn); g.time < 0 || !r.Schema[g.time].Kind.Temporal() {
			return nil, &source.DataError{Dataset: r.Dataset, Column: r.TimeColumn, Rule: "the time's column is not read, or not a time"}
		}
		if !r.From.IsZero() {
			g.from = micros(r.From)
		}
		if !r.To.IsZero() {
			g.to = micros(r.To)
		}
	}
	return g, nil
}

// micros returns the first microsecond that is not before t: for whole
// microseconds, being before t and being before that are the same.
func micros(t time.Time) int64 {
	m := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		m++
	}
	return m
}

func (g *Guard) broken(col int, rule string) error {
	return &source.DataError{Dataset: g.dataset, Column: g.schema[col].Name, Rule: rule}
}

// Check returns a [source.DataError] for the first rule that a column breaks. It
// vouches for the text that it has looked at, and does not look where somebody has.
func (g *Guard) Check(b *source.Batch) error {
	for i := range g.schema {
		v := b.Col(i)
		switch {
		case v.Kind() != g.schema[i].Kind:
			return g.broken(i, fmt.Sprintf("the source gave a %v for a %v", v.Kind(), g.schema[i].Kind))
		case v.Len() != b.Len():
			return g.broken(i, fmt.Sprintf("the source gave %d cells in a batch of %d rows", v.Len(), b.Len()))
		case cells(v) != v.Len():
			return g.broken(i, fmt.Sprintf("the source gave cells that are no %v", v.Kind()))
		case g.schema[i].Required && v.Nulls() > 0:
			return g.broken(i, "a null in a field that is declared required")
		}
		if err := g.checkCells(i, v); err != nil {
			return err
		}
	}
	if g.tenant >= 0 {
		if err := g.checkTenant(b.Col(g.tenant)); err != nil {
			return err
		}
	}
	if g.time >= 0 {
		return g.checkTime(b.Col(g.time))
	}
	return nil
}

// cells returns how many of a vector's cells were appended as what they are: the
// vector itself does not check that.
func cells(v *source.Vector) int {
	switch v.Kind().Base() {
	case source.Bool:
		return len(v.Bools())
	case source.Float64:
		return len(v.Float64s())
	case source.UUID:
		return len(v.UUIDs())
	case source.String, source.Bytes, source.JSON:
		return len(v.Offsets()) - 1
	case source.AnyDecimal:
		return len(v.Uint64s())
	default:
		return len(v.Int64s())
	}
}

func (g *Guard) checkCells(i int, v *source.Vector) error {
	switch k := v.Kind(); k.Base() {
	case source.String, source.JSON:
		if !v.Vouched() {
			return g.checkText(i, v)
		}
	case source.Date, source.Timestamp, source.DateTime:
		for row, cell := range v.Int64s() {
			if !source.InRange(k, cell) && !v.Null(row) {
				return g.broken(i, "a year outside of 1 to 9999")
			}
		}
	case source.AnyDecimal:
		for row := range v.Len() {
			if !v.Decimal(row).Fits(k.Precision()) {
				return g.broken(i, "more digits than the kind holds")
			}
		}
	}
	return nil
}

func (g *Guard) checkText(i int, v *source.Vector) error {
	if !validText(v) {
		return g.broken(i, "not valid UTF-8")
	}
	for row := 0; v.Kind() == source.JSON && row < v.Len(); row++ {
		if !v.Null(row) && !validJSON(v.Bytes(row)) {
			return g.broken(i, "not one valid JSON value")
		}
	}
	v.Vouch()
	return nil
}

// validText checks all cells in one pass: their bytes end to end are UTF-8,
// and no cell begins in the middle of a character.
func validText(v *source.Vector) bool {
	data := v.Data()
	if !utf8.Valid(data) {
		return false
	}
	for _, at := range v.Offsets() {
		if int(at) < len(data) && !utf8.RuneStart(data[at]) {
			return false
		}
	}
	return true
}

func (g *Guard) checkTenant(v *source.Vector) error {
	same := v.Nulls() == 0
	switch v.Kind().Base() {
	case source.Int64:
		for _, cell := range v.Int64s() {
			same = same && cell == g.want.Int64s()[0]
		}
	case source.UUID:
		for _, cell := range v.UUIDs() {
			same = same && cell == g.want.UUIDs()[0]
		}
	case source.String:
		want := g.want.Bytes(0)
		for row := range v.Len() {
			same = same && bytes.Equal(v.Bytes(row), want)
		}
	default:
		want := source.AppendText(nil, g.want, 0)
		var cell []byte
		for row := range v.Len() {
			cell = source.AppendText(cell[:0], v, row)
			same = same && bytes.Equal(cell, want)
		}
	}
	if !same {
		return g.broken(g.tenant, "a row of another tenant")
	}
	return nil
}

func (g *Guard) checkTime(v *source.Vector) error {
	scale := int64(1)
	if v.Kind() == source.Date {
		scale = 24 * 60 * 60 * 1e6
	}
	for row, cell := range v.Int64s() {
		if v.Null(row) {
			return g.broken(g.time, "a row without a time in a part that is restricted by it")
		}
		if at := cell * scale; at < g.from || at >= g.to {
			return g.broken(g.time, "a row outside of the part's time range")
		}
	}
	return nil
}
