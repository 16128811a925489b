package architecture_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A room says what the production code of a package may import beside the
// standard library, and which outside modules its tests may add to testModules.
type room struct {
	at      string   // folder below the top; x/* is each package right below x, x/... all below and x itself
	own     []string // packages of this project, in the same notation
	outside []string // outside modules
	tests   []string // outside modules, in tests
}

const (
	compress = "github.com/klauspost/compress"
	parquet  = "github.com/parquet-go/parquet-go"
	xsync    = "golang.org/x/sync"
	gocron   = "github.com/netresearch/go-cron"
	gocloud  = "gocloud.dev"
	gomail   = "github.com/wneessen/go-mail"
	otel     = "go.opentelemetry.io/otel"
	pgx      = "github.com/jackc/pgx/v5"
	river    = "github.com/riverqueue/river"
	sqlite   = "modernc.org/sqlite"
)

// amazon is the SDK of S3; each of its folders that one imports is a module.
var amazon = []string{
	"github.com/aws/aws-sdk-go-v2", "github.com/aws/aws-sdk-go-v2/credentials",
	"github.com/aws/aws-sdk-go-v2/service/s3", "github.com/aws/smithy-go",
}

// contracts are the rooms that everything else agrees on.
var contracts = []string{"source", "format", "sink", "queue"}

// shared are the rooms below a contract that its adapters share: they are none.
var shared = []string{"queue/cursor", "queue/fair", "queue/feed", "queue/operator"}

// rooms is the plan of the house. The first that matches a package holds for it,
// and a package that none matches has no place yet: give it one here. The packages
// below a room's own folder internal, x/internal/y, belong to the room x: they may
// import what it may, and it and they may import each other.
var rooms = []room{
	{at: ""},

	{at: "source"},
	{at: "source/sourcetest", own: []string{"source"}},
	{at: "source/pgsource", own: []string{"source"}, outside: []string{pgx}},
	{at: "source/*", own: []string{"source"}},

	{at: "format", own: []string{"source"}, outside: []string{compress}},
	{at: "format/formattest", own: []string{"source", "format"}},
	{at: "format/parquetfmt", own: []string{"source", "format"}, outside: []string{compress, parquet}},
	{at: "format/*", own: []string{"source", "format"}, outside: []string{compress}},

	{at: "sink"},
	{at: "sink/sinktest", own: []string{"sink"}},
	{
		at: "sink/blobsink", own: []string{"sink"}, outside: []string{gocloud},
		tests: append([]string{"github.com/johannesboyne/gofakes3"}, amazon...),
	},
	{at: "sink/blobsink/s3uploads", own: []string{"sink/blobsink"}, outside: amazon, tests: []string{gocloud}},
	{at: "sink/*", own: []string{"sink"}},

	{at: "queue"},
	{at: "queue/cursor", own: []string{"queue"}},
	{at: "queue/chain", own: []string{"queue"}},
	{at: "queue/fair", own: []string{"queue"}},
	{at: "queue/feed", own: []string{"queue"}},
	{at: "queue/operator", own: []string{"queue"}},
	{at: "queue/queuetest", own: []string{"queue", "queue/chain", "queue/feed", "queue/operator"}},
	{at: "queue/sqlstore", own: []string{"queue", "queue/cursor", "queue/chain", "queue/fair", "queue/feed", "queue/operator"}, tests: []string{sqlite, pgx}},
	{at: "queue/riverqueue", own: []string{"queue"}, outside: []string{pgx, river, river + "/riverdriver/riverpgxv5"}, tests: []string{sqlite}},
	{at: "queue/*", own: []string{"queue", "queue/cursor", "queue/chain", "queue/fair", "queue/feed", "queue/operator"}},

	{at: "export", own: append([]string{"internal/*", "export/manifest", "export/observe", "queue/chain", "queue/feed", "queue/operator"}, contracts...), outside: []string{xsync}},

	// Whoever proves an archive needs neither the engine nor a job store.
	{at: "export/manifest", own: []string{"source", "format", "sink", "internal/place", "internal/pipeline"}},

	{at: "export/observe", own: []string{"queue"}},

	{at: "export/auditsource", own: []string{"source", "source/slicesource", "queue", "queue/chain"}},

	{
		at: "export/otelexport", own: []string{"export/observe", "queue"}, outside: []string{otel, otel + "/metric", otel + "/trace"},
		tests: []string{otel + "/sdk", otel + "/sdk/metric"},
	},

	{at: "export/notify", own: []string{"export/observe", "queue", "internal/backoff", "internal/redact"}},
	{at: "export/notify/mailnotify", own: []string{"export/notify"}, outside: []string{gomail}},

	{at: "internal/architecture"},
	{
		at: "internal/e2e/...",
		tests: append([]string{
			compress, parquet, gocloud, sqlite, pgx, "github.com/go-sql-driver/mysql", "github.com/xuri/excelize/v2",
			"github.com/standard-webhooks/standard-webhooks/libraries",
		}, amazon...),
	},
	{
		at: "internal/bench/...", own: []string{"..."},
		outside: []string{pgx, parquet, "github.com/xuri/excelize/v2", "gonum.org/v1/plot"},
	},
	{at: "internal/cleaning", own: append([]string{"internal/*", "export/observe"}, contracts...)},
	{at: "internal/cron", own: []string{"internal/calendar"}, outside: []string{gocron}},
	{at: "internal/plan", own: append([]string{"internal/*", "export/manifest"}, contracts...)},
	{at: "internal/seal", own: append([]string{"internal/*", "export/manifest"}, contracts...), outside: []string{xsync}},
	{at: "internal/selection", own: append([]string{"internal/*", "export/manifest"}, contracts...)},
	{at: "internal/segment", own: append([]string{"internal/*", "export/manifest"}, contracts...), outside: []string{xsync}},
	{at: "internal/relay", own: []string{"internal/backoff", "queue", "queue/feed"}},
	{at: "internal/*", own: append([]string{"internal/*"}, contracts...), outside: []string{xsync}},

	{
		at: "examples/...", own: []string{"..."},
		outside: append([]string{
			sqlite, pgx, gocloud, xsync, "github.com/johannesboyne/gofakes3", "github.com/brianvoe/gofakeit/v7", "golang.org/x/sys",
		}, amazon...),
		tests: []string{parquet},
	},
}

// testModules may be used by every test, and by nothing else.
var testModules = []string{
	"github.com/stretchr/testify", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak",
}

// brought lists what the outside modules of the root module bring with them into
// a host's program. Each line is a cost that a host pays; it grows only on purpose.
var brought = map[string][]string{
	parquet: {
		compress, "github.com/andybalholm/brotli", "github.com/google/uuid", "github.com/parquet-go/bitpack",
		"github.com/parquet-go/jsonlite", "github.com/pierrec/lz4/v4", "github.com/twpayne/go-geom",
		"golang.org/x/sys", "google.golang.org/protobuf",
	},
}

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath   string
	Standard     bool
	Module       *struct{ Path string }
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

func TestImportsFollowTheData(t *testing.T) {
	t.Parallel()
	repository(t)
	var seen []pkg
	for _, goos := range []string{"linux", "darwin", "windows"} {
		pkgs := decode[pkg](t, []string{"GOOS=" + goos, "CGO_ENABLED=0"}, "list", "-e", "-deps", "-test=false",
			"-json=ImportPath,Standard,Module,Imports,TestImports,XTestImports,Deps", "work")
		requireNone(t, checkImports(pkgs))
		seen = append(seen, pkgs...)
	}
	for _, r := range rooms {
		if !strings.HasSuffix(r.at, "*") {
			require.True(t, slices.ContainsFunc(seen, func(p pkg) bool {
				folder, own := folderOf(p.ImportPath)
				return own && matches(r.at, folder)
			}), "the room %q is empty: take it off the plan", r.at)
		}
	}
}

// checkImports finds imports that point the wrong way, and outside modules where
// they do not belong.
func checkImports(pkgs []pkg) []string {
	known := make(map[string]pkg, len(pkgs))
	for _, p := range pkgs {
		known[p.ImportPath] = p
	}
	var problems []string
	for _, p := range pkgs {
		folder, own := folderOf(p.ImportPath)
		if !own {
			continue
		}
		r, ok := roomOf(folder)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: has no room in the plan", folder))
			continue
		}
		c := importCheck{room: r, folder: folder, pkg: p, known: known}
		judge := c.production
		if within(folder, "internal/e2e") || within(folder, "internal/bench") {
			judge = c.test // These modules are there to test and to measure.
		}
		for _, imported := range p.Imports {
			problems = append(problems, judge(imported)...)
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			problems = append(problems, c.test(imported)...)
		}
		problems = append(problems, c.closure()...)
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// An importCheck judges the imports of one package.
type importCheck struct {
	room   room
	folder string
	pkg    pkg
	known  map[string]pkg
}

// production judges an import of a file that is not a test.
func (c importCheck) production(imported string) []string {
	folder, own := folderOf(imported)
	suite := strings.HasSuffix(c.folder, "test")
	switch {
	case !suite && (within(imported, "testing") || imported == "net/http/httptest" || own && strings.HasSuffix(folder, "test")):
		return c.problem("production code imports %s", imported)
	case own && !c.mayImport(folder):
		return c.problem("may not import %s", folder)
	case own:
		return c.internal(imported)
	}
	if module := c.moduleOf(imported); module != "" && !slices.Contains(c.room.outside, module) {
		return c.problem("may not import %s of the outside module %s", imported, module)
	}
	return nil
}

func (c importCheck) mayImport(folder string) bool {
	return within(folder, path.Join(ownerOf(c.folder), "internal")) ||
		slices.ContainsFunc(c.room.own, func(pattern string) bool { return matches(pattern, folder) })
}

// test judges an import of a test file, which may name any room of this project.
func (c importCheck) test(imported string) []string {
	if _, own := folderOf(imported); own {
		return c.internal(imported)
	}
	module := c.moduleOf(imported)
	if module == "" || slices.Contains(slices.Concat(testModules, c.room.outside, c.room.tests), module) {
		return nil
	}
	return c.problem("its tests may not import %s of the outside module %s", imported, module)
}

// internal keeps nested modules off the root's internal packages. Go would let
// them in by their path, but the two modules are released apart.
func (c importCheck) internal(imported string) []string {
	target := c.moduleOf(imported)
	if strings.Contains(imported, "/internal/") && c.pkg.Module != nil && target != "" && target != c.pkg.Module.Path {
		return c.problem("imports %s, which is internal to another module", imported)
	}
	return nil
}

// closure judges everything that a package of the root module brings into a
// program, by whatever way.
func (c importCheck) closure() []string {
	if c.pkg.Module == nil || c.pkg.Module.Path != modulePath {
		return nil
	}
	allowed := slices.Clone(c.room.outside)
	for _, dep := range append(slices.Clone(c.pkg.Deps), c.pkg.ImportPath) {
		if folder, own := folderOf(dep); own {
			r, _ := roomOf(folder)
			for _, module := range r.outside {
				allowed = append(append(allowed, module), brought[module]...)
			}
		}
	}
	var problems []string
	for _, dep := range c.pkg.Deps {
		if _, own := folderOf(dep); own {
			continue
		}
		if module := c.moduleOf(dep); module != "" && !slices.Contains(allowed, module) {
			problems = append(problems, c.problem("brings the outside module %s with it", module)...)
		}
	}
	return slices.Compact(problems)
}

// moduleOf names the module of a package, and is empty for the standard library.
func (c importCheck) moduleOf(imported string) string {
	if p, ok := c.known[imported]; ok {
		if p.Module == nil {
			return ""
		}
		return p.Module.Path
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // The standard library has no dot in its first element.
	}
	for _, module := range slices.Concat(testModules, c.room.outside, c.room.tests) {
		if within(imported, module) {
			return module
		}
	}
	return imported
}

func (c importCheck) problem(format string, args ...any) []string {
	return []string{fmt.Sprintf("%s: %s", c.folder, fmt.Sprintf(format, args...))}
}

// folderOf gives the folder of a package of this project, from the top.
func folderOf(importPath string) (folder string, own bool) {
	if importPath == modulePath {
		return "", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// ownerOf gives the folder of the room that a package belongs to.
func ownerOf(folder string) string {
	owner, _, _ := strings.Cut(folder, "/internal/")
	return owner
}

func roomOf(folder string) (room, bool) {
	folder = ownerOf(folder)
	i := slices.IndexFunc(rooms, func(r room) bool { return matches(r.at, folder) })
	if i < 0 {
		return room{}, false
	}
	return rooms[i], true
}

// matches reports whether a folder is meant by a pattern as in room.at.
func matches(pattern, folder string) bool {
	if pattern == "..." {
		return true
	}
	if top, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(folder, top)
	}
	if top, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path.Dir(folder) == top
	}
	return pattern == folder
}

func TestCheckImportsFindsBreaks(t *testing.T) {
	t.Parallel()
	const blobsink = modulePath + "/sink/blobsink"
	tests := []struct {
		name    string
		folder  string
		module  string
		imports []string
		tests   []string
		deps    []string
		want    string
	}{
		{name: "a clean adapter", folder: "sink/filesink", imports: []string{"os", modulePath + "/sink"}},
		{name: "a clean adapter's test", folder: "sink/filesink", tests: []string{
			"testing", "go.uber.org/goleak", modulePath + "/sink/sinktest", modulePath + "/internal/clock",
		}},
		{name: "a suite imports testing", folder: "sink/sinktest", imports: []string{"testing", modulePath + "/sink"}},
		{name: "adapter to adapter", folder: "sink/filesink", imports: []string{modulePath + "/sink/memsink"}, want: "may not import sink/memsink"},
		{name: "adapter to export", folder: "sink/filesink", imports: []string{modulePath + "/export"}, want: "may not import export"},
		{name: "adapter to another contract", folder: "sink/filesink", imports: []string{modulePath + "/source"}, want: "may not import source"},
		{name: "contract to adapter", folder: "sink", imports: []string{modulePath + "/sink/memsink"}, want: "may not import sink/memsink"},
		{name: "contract to outside", folder: "queue", imports: []string{"golang.org/x/sync/errgroup"}, want: "outside module golang.org/x/sync"},
		{name: "contract to testing", folder: "source", imports: []string{"testing"}, want: "production code imports testing"},
		{name: "adapter to a suite", folder: "sink/memsink", imports: []string{modulePath + "/sink/sinktest"}, want: "production code imports"},
		{name: "adapter to iotest", folder: "sink/memsink", imports: []string{"testing/iotest"}, want: "production code imports testing/iotest"},
		{name: "suite to testify", folder: "sink/sinktest", imports: []string{"github.com/stretchr/testify/require"}, want: "outside module github.com/stretchr/testify"},
		{name: "suite to another contract", folder: "sink/sinktest", imports: []string{modulePath + "/queue"}, want: "may not import queue"},
		{name: "csv to parquet-go", folder: "format/csvfmt", imports: []string{parquet}, want: "outside module " + parquet},
		{name: "source to compress", folder: "source/sqlsource", imports: []string{compress + "/gzip"}, want: "outside module " + compress},
		{name: "export to compress", folder: "export", imports: []string{compress + "/gzip"}, want: "outside module " + compress},
		{name: "export to an adapter", folder: "export", imports: []string{modulePath + "/sink/filesink"}, want: "may not import sink/filesink"},
		{name: "internal to export", folder: "internal/pipeline", imports: []string{modulePath + "/export"}, want: "may not import export"},
		{name: "adapter to its own inside", folder: "format/csvfmt", imports: []string{modulePath + "/format/csvfmt/internal/quote"}},
		{name: "adapter to another's inside", folder: "format/csvfmt", imports: []string{modulePath + "/format/jsonfmt/internal/quote"}, want: "may not import format/jsonfmt/internal/quote"},
		{name: "an adapter's inside", folder: "format/parquetfmt/internal/chunk", imports: []string{modulePath + "/source", parquet}},
		{name: "an adapter's inside to outside", folder: "format/csvfmt/internal/quote", imports: []string{parquet}, want: "outside module " + parquet},
		{name: "the tour imports", folder: "", imports: []string{modulePath + "/export"}, want: "may not import export"},
		{name: "driver in a root test", folder: "source/sqlsource", tests: []string{sqlite}, want: "its tests may not import " + sqlite},
		{name: "driver in production", folder: "queue/sqlstore", module: modulePath + "/queue/sqlstore", imports: []string{sqlite}, want: "outside module " + sqlite},
		{name: "driver in its own test", folder: "queue/sqlstore", module: modulePath + "/queue/sqlstore", tests: []string{sqlite}},
		{
			name: "nested module to internal", folder: "sink/blobsink", module: blobsink,
			tests: []string{modulePath + "/internal/clock"}, want: "internal to another module",
		},
		{name: "a server for tests", folder: "internal/e2e/server", module: modulePath + "/internal/e2e", imports: []string{"testing", sqlite}},
		{name: "nobody's package", folder: "extras", want: "has no room in the plan"},
		{
			name: "an outside module grows", folder: "format/parquetfmt", imports: []string{parquet},
			deps: []string{parquet, "google.golang.org/grpc"}, want: "brings the outside module google.golang.org/grpc",
		},
		{
			name: "what parquet-go brings", folder: "format/parquetfmt", imports: []string{parquet},
			deps: []string{parquet, "github.com/andybalholm/brotli"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			module := tt.module
			if module == "" {
				module = modulePath
			}
			importPath := modulePath
			if tt.folder != "" {
				importPath += "/" + tt.folder
			}
			p := pkg{ImportPath: importPath, Imports: tt.imports, XTestImports: tt.tests, Deps: tt.deps, Module: &struct{ Path string }{module}}
			pkgs := []pkg{p}
			for _, inside := range []string{"internal/clock", "format/csvfmt/internal/quote"} {
				pkgs = append(pkgs, pkg{ImportPath: modulePath + "/" + inside, Module: &struct{ Path string }{modulePath}})
			}
			requireOne(t, tt.want, checkImports(pkgs))
		})
	}
}
