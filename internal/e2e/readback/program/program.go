// Package program runs programs of others in tests. Where one is not installed the
// test is skipped and says what to install; with CI=true in the environment it fails.
package program

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience bounds a program.
const patience = 5 * time.Minute

// Run runs a program of a package of Debian, which must end well, and returns what
// it printed.
func Run(t testing.TB, install, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		Missing(t, name, install, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, &stderr)
	}
	return out
}

// Missing skips the test, or fails it where everything should be installed.
func Missing(t testing.TB, name, install string, err error) {
	t.Helper()
	message := fmt.Sprintf("%s is missing, apt-get install %s: %v", name, install, err)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}
