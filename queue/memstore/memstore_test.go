package memstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

func TestR14_Conformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T) queuetest.Harness {
		var ahead atomic.Int64
		keys, err := chain.NewKeys(chain.Key{ID: "a", Secret: make([]byte, chain.MinSecret)})
		require.NoError(t, err)
		store := memstore.New(&memstore.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, AuditKeys: keys})
		return queuetest.Harness{Store: store, Entries: store, Keys: keys, Advance: func(d time.Duration) { ahead.Add(int64(d)) }}
	})
}
