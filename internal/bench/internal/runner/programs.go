package runner

import (
	"context"
	"os/exec"
	"path/filepath"

	"github.com/exportyard/exportyard/internal/bench/internal/process"
)

// Programs are the paths of the two programs that do tasks.
type Programs struct{ Ours, Peer string }

const packages = "github.com/exportyard/exportyard/internal/bench/internal/"

// Build compiles the programs into a folder.
func Build(ctx context.Context, folder string) (Programs, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", folder+string(filepath.Separator), packages+"exporter", packages+"peer")
	_, err := process.Run(ctx, cmd)
	return Programs{Ours: filepath.Join(folder, "exporter"), Peer: filepath.Join(folder, "peer")}, err
}
