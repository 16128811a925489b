package auditsource

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

var _ source.Source = (*Source)(nil)

// Options describe the dataset.
type Options struct {
	// Name is the dataset's. Default: "audit_log".
	Name string
	// Title is what people read. Default: "Audit log".
	Title string
	// Area groups datasets for people. Default: none.
	Area string
}

// A Source is the audit log of each tenant. It is safe for concurrent use.
type Source struct {
	rows *slicesource.Source
}

// New returns the audit log that a job store keeps.
func New(store queue.EntryReader, opts *Options) (*Source, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if store == nil {
		return nil, errors.New("auditsource: no store")
	}
	rows, err := slicesource.NewFunc(cmp.Or(o.Name, "audit_log"), log{store}.read,
		&slicesource.Options{Title: cmp.Or(o.Title, "Audit log"), Area: o.Area})
	if err != nil {
		return nil, fmt.Errorf("auditsource: %w", err)
	}
	return &Source{rows: rows}, nil
}

// Datasets returns the one dataset, to every tenant.
func (s *Source) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	return s.rows.Datasets(ctx, tenant)
}

// Open starts a read of the tenant's entries.
func (s *Source) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	return s.rows.Open(ctx, q)
}

// A line is an entry as a row.
type line struct {
	Seq    int64           `export:",key,title=Number"`
	At     time.Time       `export:",time,title=Time"`
	Tenant string          `export:",tenant"`
	ID     string          `export:"id"`
	What   string          `export:",title=Event"`
	Actor  string          `export:",subject,personal,zeronull"`
	Job    string          `export:",zeronull,title=Export"`
	Data   json.RawMessage `export:",personal"`
	Link   int64           `export:",zeronull,title=Number in the chain"`
}

// A log reads a store's entries.
type log struct{ store queue.EntryReader }

// pageSize is how many entries are in memory at a time.
const pageSize = 500

// read gives the tenant's entries within the bounds of the key. That they are within the
// others is tested by who asks.
func (l log) read(ctx context.Context, q source.Query) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		after, last := bound(q.After, 0), bound(q.UpTo, math.MaxInt64)
		for {
			page, err := l.page(ctx, q.Tenant, after)
			if err != nil {
				yield(line{}, err)
				return
			}
			for _, e := range page {
				if e.Seq > last || !yield(lineOf(e), nil) {
					return
				}
				after = e.Seq
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// bound is the number in a bound of the key.
func bound(key source.Key, none int64) int64 {
	if len(key) == 0 {
		return none
	}
	n, err := strconv.ParseInt(key[0], 10, 64)
	if err != nil {
		return none // and whoever asks refuses it
	}
	return n
}

// page returns entries with their links, if the store has links.
func (l log) page(ctx context.Context, tenant string, after int64) ([]chain.Entry, error) {
	if linked, ok := l.store.(chain.Reader); ok {
		page, err := linked.AuditChain(ctx, tenant, after, pageSize)
		return page.Entries, err
	}
	plain, err := l.store.Entries(ctx, tenant, queue.Audit, after, pageSize)
	page := make([]chain.Entry, len(plain))
	for i, e := range plain {
		page[i].Entry = e
	}
	return page, err
}

func lineOf(e chain.Entry) line {
	return line{
		Seq: e.Seq, At: e.At, Tenant: e.Tenant, ID: e.ID, What: e.Type, Actor: e.Actor, Job: e.Job,
		Data: jsonOf(e.Data.Data), Link: e.Link.Number,
	}
}

// jsonOf returns an entry's data as JSON, and nil for none.
func jsonOf(data []byte) json.RawMessage {
	var v any
	switch {
	case len(data) == 0:
		return nil
	case !utf8.Valid(data):
		v = map[string][]byte{"base64": data}
	case json.Valid(data):
		return data
	default:
		v = string(data)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil // Strings and bytes can always be written.
	}
	return text
}
