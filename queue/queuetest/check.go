package queuetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Rules returns the sentence of each rule by its name.
func Rules() map[string]string {
	sentences := map[string]string{}
	for _, r := range rules() {
		sentences[r.name] = r.reason
	}
	return sentences
}

// Check runs the rule of this name on one harness and returns what it complains of,
// instead of failing the test. It is for stores that are broken on purpose, of which a
// rule must complain. A rule that the store does not have to keep complains of nothing;
// the name of no rule fails the test.
func Check(t testing.TB, name string, h Harness) (complaints []string) {
	t.Helper()
	for _, r := range rules() {
		if r.name != name {
			continue
		}
		w := &witness{TB: t, ctx: t.Context()}
		done := make(chan struct{})
		go func() { // a rule ends by Goexit when it fails
			defer close(done)
			r.check(newSite(w, h))
		}()
		<-done
		return w.complaints
	}
	t.Fatalf("there is no rule %q", name)
	return nil
}

// A witness notes failures instead of failing.
type witness struct {
	testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

func (w *witness) Context() context.Context { return w.ctx }

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	runtime.Goexit()
}

func (w *witness) Skipf(string, ...any) { runtime.Goexit() }
