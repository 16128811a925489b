package architecture_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// release is the version that the modules of this repository require of each other.
const release = "v0.1.0"

// rootRequires is all that the root module may ask for by name: what hosts carry,
// and what only its tests use.
var rootRequires = slices.Concat([]string{compress, xsync, parquet, gocron}, testModules)

// A module is what go mod edit -json says of a go.mod file, and its folder.
type module struct {
	Folder  string
	Module  struct{ Path string }
	Go      string
	Require []requirement
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

type requirement struct {
	Path     string
	Version  string
	Indirect bool
}

// A workspace is what go work edit -json says of go.work.
type workspace struct {
	Go  string
	Use []struct{ DiskPath string }
}

func TestModulesAgree(t *testing.T) {
	t.Parallel()
	var modules []module
	for _, f := range repository(t) {
		if path.Base(f.path) == "go.mod" && !within(f.path, "tools") {
			m := decode[module](t, nil, "mod", "edit", "-json", f.path)[0]
			m.Folder = path.Dir(f.path)
			modules = append(modules, m)
		}
	}
	work := decode[workspace](t, nil, "work", "edit", "-json")
	require.Len(t, work, 1)
	requireNone(t, checkModules(work[0], modules))
}

// checkModules finds modules that disagree with the workspace or with each other.
func checkModules(work workspace, modules []module) []string {
	var problems []string
	report := func(folder, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s/go.mod: %s", folder, fmt.Sprintf(format, args...)))
	}
	var used []string
	for _, use := range work.Use {
		used = append(used, path.Clean(use.DiskPath))
	}
	direct := map[string]requirement{} // By module path: the first that asks for it by name.
	for _, m := range modules {
		if !slices.Contains(used, m.Folder) {
			report(m.Folder, "is not in go.work")
		}
		if m.Go != work.Go {
			report(m.Folder, "says go %s, go.work says %s", m.Go, work.Go)
		}
		if want := path.Join(modulePath, m.Folder); m.Module.Path != want {
			report(m.Folder, "is called %s, not %s", m.Module.Path, want)
		}
		for _, r := range m.Require {
			if within(r.Path, modulePath) || r.Indirect {
				continue
			}
			if first, ok := direct[r.Path]; ok && first.Version != r.Version {
				report(m.Folder, "requires %s %s, another module %s", r.Path, r.Version, first.Version)
			} else if !ok {
				direct[r.Path] = r
			}
		}
		for _, why := range checkOwn(m) {
			report(m.Folder, "%s", why)
		}
	}
	if len(used) != len(modules) {
		problems = append(problems, fmt.Sprintf("go.work: uses %d modules, the tree has %d", len(used), len(modules)))
	}
	return problems
}

// checkOwn finds what is wrong in how a module asks for the others of this repository.
func checkOwn(m module) []string {
	var problems []string
	if m.Folder == "." {
		for _, r := range m.Require {
			if !r.Indirect && !slices.Contains(rootRequires, r.Path) {
				problems = append(problems, fmt.Sprintf("the root may not require %s", r.Path))
			}
		}
		if len(m.Replace) > 0 {
			problems = append(problems, "the root may not replace anything")
		}
		return problems
	}
	asked := false
	for _, r := range m.Require {
		if !within(r.Path, modulePath) {
			continue
		}
		asked = asked || r.Path == modulePath
		if r.Version != release {
			problems = append(problems, fmt.Sprintf("requires %s %s, not %s", r.Path, r.Version, release))
		}
		if !replaced(m, r.Path) {
			problems = append(problems, fmt.Sprintf("does not replace %s by its folder", r.Path))
		}
	}
	if !asked {
		problems = append(problems, "does not require the root module")
	}
	return problems
}

// replaced reports whether a module takes another of this repository from its folder.
func replaced(m module, modPath string) bool {
	folder := strings.TrimPrefix(strings.TrimPrefix(modPath, modulePath), "/")
	for _, r := range m.Replace {
		if r.Old.Path == modPath && r.Old.Version == "" && path.Join(m.Folder, r.New.Path) == path.Clean(folder) {
			return true
		}
	}
	return false
}

func TestCheckModulesFindsBreaks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(work *workspace, top, nested *module)
		want  string
	}{
		{name: "clean", spoil: func(*workspace, *module, *module) {}},
		{name: "go line", spoil: func(_ *workspace, _, m *module) { m.Go = "1.25.0" }, want: "says go 1.25.0"},
		{name: "not in go.work", spoil: func(w *workspace, _, _ *module) { w.Use[1].DiskPath = "./elsewhere" }, want: "is not in go.work"},
		{name: "go.work too long", spoil: func(w *workspace, _, _ *module) { w.Use = append(w.Use, w.Use[1]) }, want: "go.work: uses 3 modules"},
		{name: "name", spoil: func(_ *workspace, _, m *module) { m.Module.Path = "example.org/x" }, want: "is called example.org/x"},
		{name: "version of the root", spoil: func(_ *workspace, _, m *module) { m.Require[0].Version = "v0.0.9" }, want: "v0.0.9, not " + release},
		{name: "no root", spoil: func(_ *workspace, _, m *module) { m.Require = m.Require[1:] }, want: "does not require the root"},
		{name: "no replace", spoil: func(_ *workspace, _, m *module) { m.Replace = nil }, want: "does not replace"},
		{name: "wrong replace", spoil: func(_ *workspace, _, m *module) { m.Replace[0].New.Path = ".." }, want: "does not replace"},
		{name: "shared version", spoil: func(_ *workspace, _, m *module) { m.Require[1].Version = "v1.0.0" }, want: "requires github.com/stretchr/testify v1.0.0"},
		{
			name:  "indirect versions may differ",
			spoil: func(_ *workspace, _, m *module) { m.Require[1].Version, m.Require[1].Indirect = "v1.0.0", true },
		},
		{name: "root requires more", spoil: func(_ *workspace, top, _ *module) { top.Require[0].Path = gocloud }, want: "the root may not require gocloud.dev"},
		{name: "root replaces", spoil: func(_ *workspace, top, m *module) { top.Replace = m.Replace }, want: "the root may not replace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			work, top, nested := cleanModules()
			tt.spoil(&work, &top, &nested)
			requireOne(t, tt.want, checkModules(work, []module{top, nested}))
		})
	}
}

// cleanModules gives a workspace of two modules that agree.
func cleanModules() (work workspace, top, nested module) {
	const testify = "github.com/stretchr/testify"
	work.Go = "1.26.0"
	work.Use = []struct{ DiskPath string }{{"."}, {"./sink/blobsink"}}

	top.Folder, top.Module.Path, top.Go = ".", modulePath, work.Go
	top.Require = []requirement{{Path: testify, Version: "v1.2.3"}}

	nested.Folder, nested.Module.Path, nested.Go = "sink/blobsink", modulePath+"/sink/blobsink", work.Go
	nested.Require = []requirement{{Path: modulePath, Version: release}, {Path: testify, Version: "v1.2.3"}}
	nested.Replace = make([]struct {
		Old, New struct{ Path, Version string }
	}, 1)
	nested.Replace[0].Old.Path, nested.Replace[0].New.Path = modulePath, "../.."
	return work, top, nested
}
