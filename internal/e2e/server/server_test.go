package server_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

func TestStartPostgres_GivesEachTestADatabase(t *testing.T) {
	t.Parallel()
	a, b := server.StartPostgres(t), server.StartPostgres(t)
	_, err := a.ExecContext(t.Context(), "create table only_in_a (x int)")
	require.NoError(t, err)
	_, err = b.ExecContext(t.Context(), "select * from only_in_a")
	require.Error(t, err)
}

func TestStartMySQL_GivesEachTestADatabase(t *testing.T) {
	t.Parallel()
	a, b := server.StartMySQL(t), server.StartMySQL(t)
	_, err := a.ExecContext(t.Context(), "create table only_in_a (x int)")
	require.NoError(t, err)
	_, err = b.ExecContext(t.Context(), "select * from only_in_a")
	require.Error(t, err)
}
