package database_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/examples/quickstart/internal/database"
)

// What is kept and shown of a connection has no password.
func TestRedacted(t *testing.T) {
	t.Parallel()
	for connection, want := range map[string]string{
		"postgres://ann@db/app":                      "postgres://ann@db/app",
		"postgres://ann:tiger@db:5432/app?x=y":       "postgres://ann:xxxxx@db:5432/app?x=y",
		"postgres://db/app?user=ann&password=tiger":  "postgres://db/app?user=ann&password=xxxxx",
		"host=db user=ann password=tiger dbname=app": "host=db user=ann password=xxxxx dbname=app",
		`host=db password = 'ti\' ger' dbname=app`:   "host=db password = xxxxx dbname=app",
		"host=/run/postgresql dbname=app":            "host=/run/postgresql dbname=app",
	} {
		require.Equal(t, want, database.Redacted(connection))
	}
}
