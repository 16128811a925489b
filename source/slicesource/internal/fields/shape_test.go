package fields_test

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source/slicesource/internal/fields"
)

// shape returns the shape of a struct of one string field.
func shape(name, tag string) (*fields.Shape, error) {
	return fields.ShapeOf(reflect.StructOf([]reflect.StructField{{
		Name: name, Type: reflect.TypeFor[string](), Tag: reflect.StructTag("export:" + strconv.Quote(tag)),
	}}))
}

func TestDefaultNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"A", "a"},
		{"ID", "id"},
		{"UserID", "user_id"},
		{"HTTPServer", "http_server"},
		{"ServerHTTP", "server_http"},
		{"Already_Snake", "already_snake"},
		{"Run2Go", "run2_go"},
		{"SHA256Sum", "sha256_sum"},
		{"Größe", "größe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := shape(tt.name, "")
			require.NoError(t, err)
			require.Equal(t, tt.want, s.Schema[0].Name)
		})
	}
}

// Whatever a tag says, it gives a valid schema or an error, and never panics.
func FuzzTag(f *testing.F) {
	for _, tag := range []string{
		"", "-", "-,", "name", "name,key", ",key=1", ",key=-1", ",decimal(12,4),round", ",decimal(12", ",)(,", ",uuid,uuid",
		",title=A (b, c),required", ",subject,tenant,personal,off", ",zeronull,json", ",=", ",,", "\xff",
	} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		s, err := shape("Field", tag)
		if err != nil {
			require.Nil(t, s)
			return
		}
		require.Len(t, s.Schema, 1)
		require.NoError(t, s.Schema.Validate())
		require.NotEmpty(t, s.Schema[0].Name)
		_, err = s.Bind(reflect.New(s.Row).Elem(), 0)
		require.NoError(t, err)
	})
}
