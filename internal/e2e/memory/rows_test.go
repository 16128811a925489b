package memory_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// A call is a row of ten columns of mixed kinds, about 300 bytes as CSV.
type call struct {
	ID       int64         `export:"call_id,key"`
	Org      string        `export:"org_id,tenant"`
	Trace    [16]byte      `export:"trace_id"`
	Created  time.Time     `export:"created,time"`
	Model    string        `export:"model"`
	Cost     source.Int128 `export:"cost,decimal(18,6)"`
	Score    float64       `export:"score"`
	Cached   bool          `export:"cached"`
	Prompt   []byte        `export:"prompt,string"`
	Settings []byte        `export:"settings,json"`
	Reviewer *string       `export:"reviewer,personal"`
}

var (
	words = strings.Fields(`the quick export of every row that a tenant has ever made, streams through a "quoted"
		format into a sink and nothing of it is held; ünïcode too, commas, digits 12345 and the odd line`)
	models    = []string{"small-2026-01", "large-2026-03", "vision, large"}
	reviewers = []string{"ann@acme.example", "bob@acme.example"}
	beginning = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// calls makes rows on the fly, without holding or allocating any: always the
// same for a number.
func calls(name string, rows int) (source.Source, error) {
	return slicesource.NewFunc(name, func(context.Context, source.Query) iter.Seq2[call, error] {
		return func(yield func(call, error) bool) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var c call
			c.Org = "acme"
			for i := range rows {
				c.fill(rnd, i)
				if !yield(c, nil) {
					return
				}
			}
		}
	}, nil)
}

// fill makes the i-th row, in the memory of the one before.
func (c *call) fill(rnd *rand.Rand, i int) {
	c.ID = int64(i)
	binary.BigEndian.PutUint64(c.Trace[:8], rnd.Uint64())
	binary.BigEndian.PutUint64(c.Trace[8:], rnd.Uint64())
	c.Created = beginning.Add(time.Duration(i) * 1234567 * time.Microsecond)
	c.Model = models[rnd.IntN(len(models))]
	c.Cost = source.Int128From(rnd.Int64N(1e9))
	c.Score = rnd.Float64()
	c.Cached = rnd.IntN(3) == 0
	c.Prompt = c.Prompt[:0]
	for len(c.Prompt) < 130 {
		c.Prompt = append(append(c.Prompt, words[rnd.IntN(len(words))]...), ' ')
	}
	c.Settings = append(c.Settings[:0], `{"temperature":0.`...)
	c.Settings = append(c.Settings, byte('0'+rnd.IntN(10)))
	c.Settings = append(c.Settings, `,"tools":["search","run"]}`...)
	c.Reviewer = nil
	if rnd.IntN(4) == 0 {
		c.Reviewer = &reviewers[rnd.IntN(len(reviewers))]
	}
}

// wideColumns is the width of a real table of settings and flags.
const wideColumns = 647

// A wide source gives rows of 647 columns, with every kind among them.
type wide struct{ rows int }

func (w wide) schema() source.Schema {
	kinds := []source.Kind{
		source.Int64, source.String, source.Float64, source.Bool, source.Decimal(12, 4), source.Timestamp,
		source.Date, source.DateTime, source.UUID, source.JSON, source.Bytes,
	}
	schema := source.Schema{{Name: "id", Kind: source.Int64, Required: true}, {Name: "org", Kind: source.String, Required: true}}
	for i := len(schema); i < wideColumns; i++ {
		schema = append(schema, source.Field{Name: fmt.Sprintf("column_%03d", i), Kind: kinds[i%len(kinds)]})
	}
	return schema
}

func (w wide) Datasets(context.Context, string) ([]source.Dataset, error) {
	return []source.Dataset{{Name: "wide", Schema: w.schema(), Key: []string{"id"}, Tenant: "org"}}, nil
}

func (w wide) Open(_ context.Context, q source.Query) (source.Reader, error) {
	return &wideReader{rows: w.rows, rnd: rand.New(rand.NewPCG(3, 4))}, nil
}

type wideReader struct {
	rows, at int
	rnd      *rand.Rand
}

func (r *wideReader) Read(_ context.Context, b *source.Batch) error {
	if r.at == r.rows {
		return io.EOF
	}
	for ; r.at < r.rows && !b.Full(); r.at++ {
		b.Col(0).AppendInt64(int64(r.at))
		if err := b.Col(1).AppendString("acme"); err != nil {
			return err
		}
		for i := 2; i < len(b.Schema()); i++ {
			if err := r.cell(b.Col(i)); err != nil {
				return err
			}
		}
		b.EndRow()
	}
	return nil
}

func (r *wideReader) cell(v *source.Vector) error {
	n := r.rnd.Int64N(1 << 40)
	if n%5 == 0 {
		v.AppendNull()
		return nil
	}
	switch v.Kind().Base() {
	case source.Bool:
		v.AppendBool(n%2 == 0)
	case source.Int64, source.Timestamp, source.DateTime:
		v.AppendInt64(n)
	case source.Date:
		v.AppendInt64(n % 20000)
	case source.Float64:
		v.AppendFloat64(float64(n) / 1000)
	case source.AnyDecimal:
		v.AppendDecimal(source.Int128From(n % 1e12))
	case source.UUID:
		v.AppendUUID([16]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	case source.JSON:
		return v.AppendString(`{"a":[1,2,3]}`)
	default:
		return v.AppendString(words[n%int64(len(words))])
	}
	return nil
}

func (r *wideReader) Close() error { return nil }
