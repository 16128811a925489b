// Command worker is a worker of package fleet by itself, so that a test can build
// the one of another commit.
package main

import (
	"fmt"
	"os"

	"github.com/exportyard/exportyard/internal/e2e/fleet"
)

func main() {
	fleet.Main()
	fmt.Fprintln(os.Stderr, "worker: the environment names no role")
	os.Exit(2)
}
