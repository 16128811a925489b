package slicesource_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A sequence runs in a coroutine: Close must end it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
