package observe_test

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/queue"
)

// A host counts the exports that failed. It would give the observer to export.Config.
func ExampleFunc() {
	failed := 0
	observer := observe.Func(func(_ context.Context, e observe.Event) {
		if ended, ok := e.(observe.JobEnded); ok && ended.State == queue.Failed {
			failed++
		}
	})

	observer.Observe(context.Background(), observe.JobEnded{State: queue.Completed})
	observer.Observe(context.Background(), observe.JobEnded{State: queue.Failed, Code: "bad_data"})
	fmt.Println(failed, "failed")
	// Output: 1 failed
}
