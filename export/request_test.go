package export_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func runsOnly(columns ...string) []export.Selection {
	return []export.Selection{{Name: "runs", Columns: columns}}
}

// Every bad input is refused with its code and field, before anything is
// queued or written.
func TestRequest_BadInput(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name  string
		edit  func(*export.Request)
		code  export.Code
		field string
	}{
		{"no tenant", func(r *export.Request) { r.Tenant = "" }, export.CodeRequired, "tenant"},
		{"unknown dataset", func(r *export.Request) { r.All, r.Datasets = false, []export.Selection{{Name: "nope"}} }, export.CodeUnknownDataset, "datasets[0]"},
		{"unknown area", func(r *export.Request) { r.All, r.Areas = false, []string{"chat", "moon"} }, export.CodeUnknownDataset, "areas[1]"},
		{"unknown field", func(r *export.Request) { r.All, r.Datasets = false, runsOnly("run_id", "nope") }, export.CodeUnknownField, "datasets[0].columns[1]"},
		{"secret field", func(r *export.Request) { r.All, r.Datasets = false, runsOnly("token") }, export.CodeSecretField, "datasets[0].columns[0]"},
		{"column twice", func(r *export.Request) { r.All, r.Datasets = false, runsOnly("run_id", "run_id") }, export.CodeDuplicateField, "datasets[0].columns[1]"},
		{"dataset twice", func(r *export.Request) { r.All, r.Datasets = false, append(runsOnly(), runsOnly()...) }, export.CodeExclusive, "datasets[1]"},
		{"all and a list", func(r *export.Request) { r.Datasets = runsOnly() }, export.CodeExclusive, "datasets"},
		{"nothing selected", func(r *export.Request) { r.All = false }, export.CodeEmptySelection, "datasets"},
		{"unknown format", func(r *export.Request) { r.Format = "pdf" }, export.CodeUnknownFormat, "format"},
		{"unknown profile", func(r *export.Request) { r.Profile = "lotus" }, export.CodeUnknownFormat, "format"},
		{"unknown compression", func(r *export.Request) { r.Compression = "rar" }, export.CodeBadCompression, "compression"},
		{"unknown zone", func(r *export.Request) { r.Zone = "Mars/Olympus" }, export.CodeUnknownZone, "zone"},
		{"the machine's zone", func(r *export.Request) { r.Zone = "Local" }, export.CodeUnknownZone, "zone"},
		{"unknown interval", func(r *export.Request) { r.Interval = "decade" }, export.CodeUnknownInterval, "interval"},
		{"end at start", func(r *export.Request) { r.From, r.To = day(3), day(3) }, export.CodeBadRange, "to"},
		{"end before start", func(r *export.Request) { r.From, r.To = day(3), day(2) }, export.CodeBadRange, "to"},
		{"year 10000", func(r *export.Request) { r.To = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, export.CodeBadRange, "to"},
		{"too many periods", func(r *export.Request) {
			r.From, r.To, r.Interval = day(1).AddDate(-200, 0, 0), day(2), export.Hour
		}, export.CodeRangeTooLarge, "to"},
		{"a document of csv", func(r *export.Request) { r.Layout = export.Document }, export.CodeBadLayout, "layout"},
		{"unknown layout", func(r *export.Request) { r.Layout = "spiral" }, export.CodeBadLayout, "layout"},
		{"no time column", func(r *export.Request) {
			r.All, r.Datasets, r.From = false, []export.Selection{{Name: "invoices"}}, day(1)
		}, export.CodeNoTimeColumn, "datasets[0]"},
		{"dataset off", func(r *export.Request) { r.All, r.Datasets = false, []export.Selection{{Name: "ghosts"}} }, export.CodeDatasetOff, "datasets[0]"},
		{"filter of no field", func(r *export.Request) {
			r.All, r.Datasets = false, []export.Selection{{Name: "runs", Filters: []source.Filter{{Column: "x", In: []string{"1"}}}}}
		}, export.CodeUnknownField, "datasets[0].filters[0]"},
		{"filter of a secret", func(r *export.Request) {
			r.All, r.Datasets = false, []export.Selection{{Name: "runs", Filters: []source.Filter{{Column: "token", In: []string{"1"}}}}}
		}, export.CodeSecretField, "datasets[0].filters[0]"},
		{"filter of a wrong kind", func(r *export.Request) {
			r.All, r.Datasets = false, []export.Selection{{Name: "runs", Filters: []source.Filter{{Column: "run_id", In: []string{"1", "x"}}}}}
		}, export.CodeBadFilter, "datasets[0].filters[0].in[1]"},
		{"filter without values", func(r *export.Request) {
			r.All, r.Datasets = false, []export.Selection{{Name: "runs", Filters: []source.Filter{{Column: "run_id"}}}}
		}, export.CodeBadFilter, "datasets[0].filters[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *export.Config) { c.Source = threeDatasets(t) })
			r := export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"}
			tt.edit(&r)
			_, err := h.Request(context.Background(), r)
			e := refusal(t, err)
			require.Equal(t, export.CodeUnprocessable, e.Code)
			require.Len(t, e.Problems, 1, "%v", e)
			require.Equal(t, tt.code, e.Problems[0].Code)
			require.Equal(t, tt.field, e.Problems[0].Field)
			require.NotEmpty(t, e.Problems[0].Message)
			require.NotEmpty(t, e.Problems[0].Hint, "it must say what to do")
			jobs, _, err := h.List(context.Background(), "acme", nil)
			require.NoError(t, err)
			require.Empty(t, jobs, "nothing is queued")
			require.Empty(t, h.sink.Keys(), "nothing is written")
			if r.Tenant != "" {
				require.Equal(t, []string{"refused"}, h.audit("acme"))
			}
		})
	}
}

// threeDatasets has runs, invoices without a time column, and ghosts, which are off.
func threeDatasets(t *testing.T) source.Source {
	t.Helper()
	invoices, err := slicesource.New("invoices", []invoice{{1, "acme", 1.5}, {2, "acme", 2}, {3, "globex", 4}}, &slicesource.Options{Area: "billing"})
	require.NoError(t, err)
	ghosts, err := slicesource.New("ghosts", []invoice{{1, "acme", 1}}, &slicesource.Options{Area: "chat"})
	require.NoError(t, err)
	src, err := source.Merge(runsOf(t, october()), invoices, &switchedOff{ghosts})
	require.NoError(t, err)
	return src
}

type switchedOff struct{ source.Source }

func (s *switchedOff) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	list, err := s.Source.Datasets(ctx, tenant)
	for i := range list {
		list[i].Off = "the module is off"
	}
	return list, err
}

// All problems are told together.
func TestRequest_AllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, err := h.Request(context.Background(), export.Request{
		Datasets: runsOnly("run_id", "run_id", "nope", "token"), Format: "pdf", Zone: "Mars", Interval: "x", Compression: "rar", Tenant: "acme",
	})
	e := refusal(t, err)
	for _, code := range []export.Code{
		export.CodeDuplicateField, export.CodeUnknownField, export.CodeSecretField, export.CodeUnknownFormat, export.CodeUnknownZone, export.CodeUnknownInterval,
	} {
		require.True(t, e.Has(code), "%s is missing in %v", code, e)
	}
}

func TestB5_SecretsNeverLeave(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.NotContains(t, string(h.content(j, 0)), "secret-")
	require.Equal(t, []manifest.Omission{{Field: "token", Reason: "secret"}}, m.Datasets[0].Omitted)
}

// R2, D14: the same key gives the same job, also after completion; with
// another request it is refused.
func TestR2_IdempotencyKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	r := export.Request{Tenant: "acme", All: true, Format: "csv", IdempotencyKey: "k1"}
	first, err := h.Request(context.Background(), r)
	require.NoError(t, err)
	for range 500 {
		again, err := h.Request(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
	}
	h.start()
	h.wait(first)
	for range 500 {
		again, err := h.Request(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
	}
	r.Format = "json"
	_, err = h.Request(context.Background(), r)
	require.Equal(t, export.CodeIdempotencyMismatch, refusal(t, err).Code)
	r.Tenant = "globex"
	_, err = h.Request(context.Background(), r)
	require.NoError(t, err, "keys are a tenant's own")
}

// R1, B7: of a thousand concurrent requests one is accepted, and all others
// are told which.
func TestR1_OneActiveExport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	accepted := map[string]bool{}
	named := map[string]int{}
	for range 100 {
		wg.Go(func() {
			for range 10 {
				j, err := h.Request(context.Background(), export.Request{Tenant: "acme", All: true, Format: "csv"})
				mu.Lock()
				if err == nil {
					accepted[j.ID] = true
				} else {
					var e *export.Error
					if errors.As(err, &e) && e.Code == export.CodeConflict {
						named[e.Job]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, accepted, 1)
	for id := range accepted {
		require.Equal(t, map[string]int{id: 999}, named)
	}
	_, err := h.Request(context.Background(), export.Request{Tenant: "globex", All: true, Format: "csv"})
	require.NoError(t, err, "another tenant has a slot of its own")
	_, err = h.Request(context.Background(), export.Request{Tenant: "acme", Kind: "snapshot", All: true, Format: "csv"})
	require.NoError(t, err, "another kind has a slot of its own")
}

// B12: a destination that fails a step of its probe is refused, and nothing is
// queued.
func TestB12_DestinationIsProbed(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"write", "read", "list", "delete"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			broken := &faultySink{Sink: newMemsink(t), fail: func(op, _ string) error {
				if op == map[string]string{"write": "commit", "read": "open", "list": "list", "delete": "delete"}[step] {
					return fmt.Errorf("%w by the bucket", sink.ErrDenied)
				}
				return nil
			}}
			h := newHouse(t, func(c *export.Config) { c.Sink = broken })
			_, err := h.Request(context.Background(), export.Request{Tenant: "acme", All: true, Format: "csv"})
			e := refusal(t, err)
			require.Equal(t, export.CodeDestinationUnverified, e.Code)
			require.True(t, e.Has(export.CodeDestinationDenied))
			require.Contains(t, e.Message, step+":")
			require.NotEmpty(t, e.Hint)
			jobs, _, err := h.List(context.Background(), "acme", nil)
			require.NoError(t, err)
			require.Empty(t, jobs)
		})
	}
}

func newMemsink(t *testing.T) *memsink.Sink {
	t.Helper()
	s, err := memsink.New(nil)
	require.NoError(t, err)
	return s
}

func TestB3_DestinationPerTenant(t *testing.T) {
	t.Parallel()
	own, platform := newMemsink(t), newMemsink(t)
	h := newHouse(t, func(c *export.Config) {
		c.Sink = nil
		c.Destination = func(_ context.Context, tenant, _ string) (export.Destination, error) {
			if tenant == "acme" {
				return export.Destination{Sink: own, Own: true}, nil
			}
			return export.Destination{Sink: platform}, nil
		}
	})
	h.start()
	j, _ := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.True(t, j.ExpiresAt.IsZero(), "B9: files in the tenant's own bucket stay")
	j, _ = h.completed(export.Request{Tenant: "globex", All: true, Format: "csv"})
	require.Equal(t, 7*24*time.Hour, j.ExpiresAt.Sub(j.FinishedAt))
	require.NotEmpty(t, own.Keys())
	for _, key := range own.Keys() {
		require.Contains(t, key, "acme/")
	}
	for _, key := range platform.Keys() {
		require.Contains(t, key, "globex/")
	}
}

func TestNew_BadConfig(t *testing.T) {
	t.Parallel()
	_, err := export.New(export.Config{Keys: "{tenant}/{moon}"})
	for _, want := range []string{"Source", "Store", "Formats", "Sink", "{job}"} {
		require.ErrorContains(t, err, want)
	}
	good := export.Config{Source: runsOf(t, nil), Store: memstore.New(nil), Sink: newMemsink(t), Formats: []format.Formatter{}}
	_, err = export.New(good)
	require.ErrorContains(t, err, "Formats")
}

// A store that does not answer is told as such, and a retry is worth it.
func TestRequest_StoreDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.Store = &downStore{c.Store} })
	_, err := h.Request(context.Background(), export.Request{Tenant: "acme", All: true, Format: "csv"})
	e := refusal(t, err)
	require.Equal(t, export.CodeUnavailable, e.Code)
	require.True(t, e.Retryable)
}

type downStore struct{ queue.JobStore }

func (*downStore) Create(context.Context, queue.NewJob, []queue.Entry) (queue.Job, bool, error) {
	return queue.Job{}, false, errBoom
}
