package slicesource_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func dataset[T any](t *testing.T, opts *slicesource.Options) (source.Dataset, error) {
	t.Helper()
	src, err := slicesource.New[T]("rows", nil, opts)
	if err != nil {
		return source.Dataset{}, err
	}
	datasets, err := src.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	require.Len(t, datasets, 1)
	return datasets[0], nil
}

// Status is a named type of a kind of Go.
type Status string

// Level writes itself as a text.
type Level int

// MarshalText gives the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte([]string{"low", "high"}[l]), nil }

type base struct {
	ID        int64  `export:",key=2"`
	OrgID     string `export:",tenant,key=1"`
	CreatedAt time.Time
	secret    int //nolint:unused // not a column
}

func TestTags(t *testing.T) {
	t.Parallel()
	type row struct {
		base
		sync.Mutex
		HTTPStatus uint16    `export:",title=HTTP status,category=Web"`
		RunURL2    Status    `export:",off"`
		Paid       time.Time `export:"paid_on, date, time"`
		Person     *string   `export:",subject,personal,required"`
		Token      string    `export:",secret"`
		Cost       string    `export:"cost, decimal(12, 4), round"`
		Unset      int       `export:",zeronull"`
		Level      Level
		LevelText  Level           `export:",string"`
		Raw        json.RawMessage `export:",bytes"`
		Count      *big.Int        `export:",decimal(38,0)"`
		Maybe      sql.Null[float32]
		Debug      any `export:"-"`
		_          int
	}
	d, err := dataset[*row](t, &slicesource.Options{Title: "Rows", Area: "web", Off: "not now"})
	require.NoError(t, err)
	want := source.Dataset{
		Name: "rows", Title: "Rows", Area: "web", Off: "not now",
		Key: []string{"org_id", "id"}, Tenant: "org_id", Time: "paid_on", Subject: "person",
		Schema: source.Schema{
			{Name: "id", Kind: source.Int64, Required: true},
			{Name: "org_id", Kind: source.String, Required: true},
			{Name: "created_at", Kind: source.Timestamp, Required: true},
			{Name: "http_status", Kind: source.Int64, Required: true, Title: "HTTP status", Category: "Web"},
			{Name: "run_url2", Kind: source.String, Required: true, OffByDefault: true},
			{Name: "paid_on", Kind: source.Date, Required: true},
			{Name: "person", Kind: source.String, Required: true, Sensitivity: source.Personal},
			{Name: "token", Kind: source.String, Required: true, Sensitivity: source.Secret},
			{Name: "cost", Kind: source.Decimal(12, 4), Required: true, Round: true},
			{Name: "unset", Kind: source.Int64},
			{Name: "level", Kind: source.Int64, Required: true},
			{Name: "level_text", Kind: source.String, Required: true},
			{Name: "raw", Kind: source.Bytes},
			{Name: "count", Kind: source.Decimal(38, 0)},
			{Name: "maybe", Kind: source.Float64},
		},
	}
	require.Empty(t, cmp.Diff(want, d))
}

func TestWrongTags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(t *testing.T) error
		want string
	}{
		{"not a struct", wrong[int], "want a struct"},
		{"no fields", wrong[struct{ x int }], "at least one field"},
		{"unknown option", wrong[struct {
			A int `export:",fast"`
		}], `unknown option "fast"`},
		{"unknown option with a value", wrong[struct {
			A int `export:",width=3"`
		}], `unknown option "width"`},
		{"decimal too wide", wrong[struct {
			A string `export:",decimal(39,0)"`
		}], `unknown option "decimal(39,0)"`},
		{"two kinds", wrong[struct {
			A string `export:",json,uuid"`
		}], "another kind"},
		{"key number", wrong[struct {
			A int `export:",key=0"`
		}], "from 1"},
		{"key gap", wrong[struct {
			A int `export:",key=1"`
			B int `export:",key=3"`
		}], "without gaps"},
		{"key half numbered", wrong[struct {
			A int `export:",key=1"`
			B int `export:",key"`
		}], "all of them or none"},
		{"key of floats", wrong[struct {
			A float64 `export:",key"`
		}], "is a float64"},
		{"two tenants", wrong[struct {
			A string `export:",tenant"`
			B string `export:",tenant"`
		}], "both"},
		{"time of text", wrong[struct {
			A string `export:",time"`
		}], "tagged time but is a string"},
		{"hidden field", wrong[struct {
			a int `export:"a"`
		}], "not exported"},
		{"no kind", wrong[struct{ A map[string]int }], "has no kind by itself"},
		{"interface", wrong[struct{ A any }], "has no kind by itself"},
		{"wrong kind", wrong[struct {
			A bool `export:",int64"`
		}], "a bool cannot be a int64"},
		{"float as decimal", wrong[struct {
			A float64 `export:",decimal(9,2)"`
		}], "cannot be a decimal(9,2)"},
		{"time as text", wrong[struct {
			A time.Time `export:",string"`
		}], "cannot be a string"},
		{"undeclared decimal", wrong[struct{ A *big.Int }], "wants decimal(p,s)"},
		{"undeclared int128", wrong[struct{ A source.Int128 }], "wants decimal(p,s)"},
		{"round of text", wrong[struct {
			A string `export:",round"`
		}], "round is for"},
		{"zero of a pointer", wrong[struct {
			A *int `export:",zeronull"`
		}], "zeronull beside"},
		{"same name", wrong[struct {
			A int
			B int `export:"a"`
		}], `"a" is declared twice`},
		{"no tenant", func(t *testing.T) error {
			_, err := dataset[struct{ A int }](t, nil)
			return err
		}, "set Options.Unguarded"},
		{"tenant and unguarded", wrong[struct {
			A string `export:",tenant"`
		}], "want one of them"},
		{"no name", func(*testing.T) error {
			_, err := slicesource.New("", []struct{ A int }{}, &slicesource.Options{Unguarded: true})
			return err
		}, "needs a name"},
		{"no function", func(*testing.T) error {
			_, err := slicesource.NewFunc[struct{ A int }]("rows", nil, &slicesource.Options{Unguarded: true})
			return err
		}, "no function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, tt.make(t), tt.want)
		})
	}
}

func wrong[T any](t *testing.T) error {
	_, err := dataset[T](t, &slicesource.Options{Unguarded: true})
	return err
}

// Every problem is named at once.
func TestWrongTagsTogether(t *testing.T) {
	t.Parallel()
	type row struct {
		A any
		B int     `export:",fast"`
		C float64 `export:",key"`
	}
	_, err := dataset[row](t, nil)
	for _, part := range []string{"row.A", "row.B", `"c" is tagged key`} {
		require.ErrorContains(t, err, part)
	}
}

func TestUnguarded(t *testing.T) {
	t.Parallel()
	type row struct{ A int }
	src, err := slicesource.New("rows", []row{{1}, {2}}, &slicesource.Options{Unguarded: true})
	require.NoError(t, err)
	n, err := src.Count(context.Background(), source.Query{Tenant: "anyone", Dataset: "rows"})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}
