package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
)

const (
	lite = dialect.SQLite
	pg   = dialect.PostgreSQL
	my   = dialect.MySQL
)

func TestParse_FindsParametersAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		dialect dialect.Dialect
		sql     string
		want    string // with <name> for a parameter
	}{
		{"none", lite, "select 1", "select 1"},
		{"one", lite, "select * from t where org = :tenant", "select * from t where org = <tenant>"},
		{"at the start", lite, ":from", "<from>"},
		{"twice and beside each other", lite, "(:from,:to,:from)", "(<from>,<to>,<from>)"},
		{"end of statement", pg, "select :to ; \n", "select <to>"},
		{"a literal", lite, "':tenant' || ''':to' || :to", "':tenant' || ''':to' || <to>"},
		{"a quoted name", pg, `":tenant""" = :tenant`, `":tenant""" = <tenant>`},
		{"backquotes", my, "`:to``` = :to", "`:to``` = <to>"},
		{"brackets", lite, "[:to] = :to", "[:to] = <to>"},
		{"an array's slice", pg, "a[1:from] = a[:to]", "a[1:from] = a[<to>]"},
		{"a cast", pg, "'1'::text, :to::date", "'1'::text, <to>::date"},
		{"an assignment", my, "@x:=1, @y :=:to", "@x:=1, @y :=<to>"},
		{"comments", pg, "-- :from\n/* :to /* :to */ :to */ :to", "-- :from\n/* :to /* :to */ :to */ <to>"},
		{"comments do not nest", lite, "/* /* :to */ :to", "/* /* :to */ <to>"},
		{"a hash", my, "# :to\n:to", "# :to\n<to>"},
		{"no hash", pg, "a #:to", "a #<to>"},
		{"backslashes", my, `'\':to' :to`, `'\':to' <to>`},
		{"no backslashes", pg, `'\' :to`, `'\' <to>`},
		{"escape strings", pg, `E'\':to' :to`, `E'\':to' <to>`},
		{"a name before a literal", pg, `name'\' :to`, `name'\' <to>`},
		{"dollar quotes", pg, "$$:to$$ $a1$ $$:to $a1$ :to", "$$:to$$ $a1$ $$:to $a1$ <to>"},
		{"a dollar in a name", pg, "a$b$ :to", "a$b$ <to>"},
		{"JSON operators", pg, "j ? 'k' and j ?| array['k']", "j ? 'k' and j ?| array['k']"},
		{"an end that is missing", lite, "'abc :to", "'abc :to"},
		{"letters beyond ASCII", lite, "é:to :to", "é:to <to>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pieces, err := tt.dialect.Parse(tt.sql)
			require.NoError(t, err)
			var got strings.Builder
			for _, p := range pieces {
				got.WriteString(p.SQL)
				if p.Param != "" {
					got.WriteString("<" + p.Param + ">")
				}
			}
			require.Empty(t, cmp.Diff(tt.want, got.String()))
		})
	}
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		dialect dialect.Dialect
		sql     string
		want    string
	}{
		{"another parameter", lite, "select :user", ":user"},
		{"upper case", lite, "select :Tenant", ":Tenant"},
		{"two statements", lite, "select 1; drop table t", "more than one statement"},
		{"a question mark", my, "select ?", "placeholder of its own"},
		{"a number", pg, "select $1", "placeholder of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.dialect.Parse(tt.sql)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"select :tenant from t", "'':to", "$a$ :to $a$", "/*/**/", `E'\`, "a:=:from::text", "[", "$", ":"} {
		f.Add(uint8(1), seed)
		f.Add(uint8(2), seed)
		f.Add(uint8(3), seed)
	}
	f.Fuzz(func(t *testing.T, d uint8, sql string) {
		pieces, err := (dialect.Dialect(d%3) + 1).Parse(sql)
		if err != nil {
			return
		}
		var whole strings.Builder
		for i, p := range pieces {
			whole.WriteString(p.SQL)
			if (p.Param == "") != (i == len(pieces)-1) {
				t.Fatalf("piece %d of %d has the parameter %q", i, len(pieces), p.Param)
			}
			if p.Param != "" {
				whole.WriteString(":" + p.Param)
			}
		}
		if want := strings.TrimRight(sql, " \t\r\n;"); whole.String() != want {
			t.Fatalf("the pieces make %q of %q", whole.String(), want)
		}
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	v := func(args ...any) (out []dialect.Value) {
		for _, a := range args {
			out = append(out, dialect.Value{Wrap: "?", Arg: a})
		}
		return out
	}
	tests := []struct {
		name    string
		dialect dialect.Dialect
		exprs   []string
		sign    string
		want    string
		args    []any
	}{
		{"rows", pg, []string{"a", "b"}, ">", "(a, b) > ($1, $2)", []any{1, 2}},
		{"one column", my, []string{"a"}, "<=", "a <= ?", []any{1}},
		{"two columns", my, []string{"a", "b"}, "<=", "a <= ? and (a < ? or a = ? and b <= ?)", []any{1, 1, 1, 2}},
		{"three columns", my, []string{"a", "b", "c"}, ">", "a >= ? and (a > ? or a = ? and (b > ? or b = ? and c > ?))", []any{1, 1, 1, 2, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := dialect.New(tt.dialect)
			st.Compare(tt.exprs, v(1, 2, 3)[:len(tt.exprs)], tt.sign)
			require.Equal(t, tt.want, st.SQL())
			require.Equal(t, tt.args, st.Args())
		})
	}
}
