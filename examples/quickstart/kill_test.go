package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("seed", 0, "of the random kills; 0 takes one from the clock")

// layouts are the exports that the kills hit in turn: files that are joined
// from parts, one document of all datasets, files that are rolled.
var layouts = []struct {
	name  string
	flags []string
}{
	{"csv", []string{"-format", "csv", "-compress", "gzip"}},
	{"json", []string{"-format", "json", "-compress", "gzip"}},
	{"parquet", []string{"-format", "parquet"}},
}

const smallPartRows = 100

// A killing is a point at which a run dies, then perhaps one at which the run
// after it does.
type killing struct {
	at []string // "point" or "point #n"
	// layout is the one that has the point; "" for any.
	layout string
	// more are flags that bring the run to the point.
	more []string
	spec spec
}

// killings are the named points. Whatever comes before and after a call has
// both: the engine has not heard of what was done.
func killings() (all []killing) {
	both := func(layout string, names ...string) {
		for _, name := range names {
			point, nth, _ := strings.Cut(name, " ")
			for _, side := range []string{":before", ":after"} {
				all = append(all, killing{at: []string{strings.TrimSpace(point + side + " " + nth)}, layout: layout})
			}
		}
	}
	both("", "store.Create", "store.Get", "store.Get #4", "store.Parts", "store.Parts #3", "store.Claim", "store.Claim #3",
		"store.Finish(plan)", "store.Finish(rows)", "store.Finish(rows) #4", "store.Finish(seal)", "store.Update", "store.Due", "store.Due #2",
		"sink.Create(probe)", "sink.Commit(probe)", "sink.Open(probe)", "sink.Delete(probe)",
		"sink.Create(segment)", "sink.Create(segment) #3", "sink.Write(segment)", "sink.Write(segment) #4",
		"sink.Commit(segment)", "sink.Commit(segment) #5", "sink.Create(manifest)", "sink.Write(manifest)", "sink.Commit(manifest)",
		"sink.Open(data)", "sink.Open(data) #8", "sink.Open(manifest)", "sink.List", "sink.List #2", "sink.Clean",
		"source.Datasets", "source.Datasets #2", "source.Count", "source.Count #3", "source.Split",
		"source.Open", "source.Open #4", "source.Read", "source.Read #2", "source.Read #7", "source.Close", "source.Close #5")
	for _, point := range []string{
		"store.Claim(plan):after", "store.Claim(rows):after", "store.Claim(rows):after #4", "store.Claim(seal):after",
		"sink.Write(probe):middle", "sink.Write(segment):middle", "sink.Write(segment):middle #3", "sink.Write(manifest):middle",
		"sink.Read(data):after", "sink.Read(data):after #4", "sink.Read(manifest):after", "sink.List:object",
	} {
		all = append(all, killing{at: []string{point}})
	}
	for _, layout := range []string{"csv", "json"} {
		both(layout, "sink.Create(joined)", "sink.Write(joined)", "sink.Write(joined) #3", "sink.Commit(joined)",
			"sink.Delete(data)", "sink.Delete(data) #5")
		all = append(all, killing{at: []string{"sink.Write(joined):middle #2"}, layout: layout})
	}
	for _, point := range []string{"source.Span:before", "source.Span:after"} {
		all = append(all, killing{at: []string{point}, layout: "csv", more: []string{"-time-column", "at", "-interval", "week"}})
	}
	for _, point := range []string{"store.Renew:before", "store.Renew:after", "store.Renew:after #2"} {
		all = append(all, killing{at: []string{point}, spec: spec{Hold: 2, Lease: time.Second}})
	}
	// The manifest of the first is there, but the job does not know it: the
	// second seals again, and dies while it removes what the first has left.
	for _, point := range []string{"sink.List:object", "sink.Delete(data):before", "sink.Delete(data):after", "sink.Delete(data):after #2", "sink.Delete(manifest):before", "sink.Delete(manifest):after", "store.Update:before"} {
		all = append(all, killing{at: []string{"sink.Commit(manifest):after", point}, layout: "json"})
	}
	all = append(all, killing{at: []string{"store.Finish(seal):before", "store.Finish(seal):before", "store.Finish(seal):after", "sink.Delete(data):after"}, layout: "csv"})
	return all
}

// Whatever point the process is killed at: the next run goes on, nothing is
// lost or doubled, and nothing is left in the folder that no manifest names.
func TestR5_KillAtEveryPoint(t *testing.T) {
	t.Parallel()
	logPolls(t)
	for i, k := range killings() {
		chosen := layouts[i%len(layouts) : i%len(layouts)+1]
		if full() {
			chosen = layouts
		}
		for _, layout := range layouts {
			if layout.name == k.layout || k.layout == "" && layout.name == chosen[0].name || k.layout == "" && len(chosen) > 1 {
				t.Run(strings.Join(k.at, ", then ")+" in "+layout.name, func(t *testing.T) {
					t.Parallel()
					killAt(t, k, layout.flags)
				})
			}
		}
	}
}

func killAt(t *testing.T, k killing, flags []string) {
	db, err := small()
	require.NoError(t, err)
	at := newPlace(t)
	watched := watch(t, at.out)
	args := at.flags(append([]string{"-db", db}, append(flags, k.more...)...)...)
	for _, point := range k.at {
		s := k.spec
		s.PartRows = smallPartRows
		s.Kill, s.Nth = parsePoint(t, point)
		o := process(t, s, args...)
		require.True(t, o.killed(), "the run does not come to %s: %v", point, o)
		requireManifestsTrue(t, at.out)
	}
	requireComplete(t, at, process(t, spec{PartRows: smallPartRows}, args...))
	watched()
}

func parsePoint(t *testing.T, text string) (string, int) {
	t.Helper()
	name, nth, found := strings.Cut(text, " #")
	n := 1
	if found {
		_, err := fmt.Sscan(nth, &n)
		require.NoError(t, err)
	}
	return name, n
}

// requireComplete requires of a run over the small database that it proved the
// archive, and of the archive that it is that database and nothing else.
func requireComplete(t *testing.T, at place, o outcome) {
	t.Helper()
	require.Zero(t, o.code, "%v", o)
	a := onlyArchive(t, at.out)
	require.Equal(t, fmt.Sprintf("verified: %d files, %d rows", len(a.Files), smallRows), o.last())
	want, err := smallContent()
	require.NoError(t, err)
	requireRows(t, at.out, a, want)
}

// requireManifestsTrue requires of a folder at rest, whatever was interrupted
// there, that every manifest in it tells the truth.
func requireManifestsTrue(t *testing.T, out string) {
	t.Helper()
	all, err := archives(out)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	for _, a := range all {
		require.NoError(t, a.verify(out), "%s is there and does not hold", a.Key)
	}
}

// Kills at moments that nobody chose, again and again on the same jobs.
func TestR5_RandomKills(t *testing.T) {
	t.Parallel()
	kills, lanes := 40, 4
	if full() {
		kills = 200
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	logPolls(t)
	db, err := small()
	require.NoError(t, err)
	// How long a run is decides which moments there are.
	at := newPlace(t)
	typical := process(t, spec{PartRows: smallPartRows}, at.flags("-db", db)...)
	require.Zero(t, typical.code, "%v", typical)
	for lane := range lanes {
		t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(*seed, uint64(lane)))
			for killed, n := 0, lane; killed < kills/lanes; n++ {
				killed += killUntilComplete(t, random, layouts[n%len(layouts)].flags, db, typical.took)
			}
		})
	}
}

// killUntilComplete runs one export, killing each run after a random while,
// until one is quicker, and returns how many were killed.
func killUntilComplete(t *testing.T, random *rand.Rand, flags []string, db string, typical time.Duration) (killed int) {
	t.Helper()
	at := newPlace(t)
	watched := watch(t, at.out)
	for {
		cmd, end := command(t, spec{PartRows: smallPartRows}, at.flags(append([]string{"-db", db}, flags...)...)...)
		require.NoError(t, cmd.Start())
		var hit atomic.Bool
		kill := time.AfterFunc(time.Duration(random.Float64()*1.1*float64(typical)), func() {
			hit.Store(true)
			_ = cmd.Process.Kill() // unless it has ended
		})
		o := end(cmd.Wait())
		kill.Stop()
		if o.code == 0 {
			requireComplete(t, at, o)
			watched()
			return killed
		}
		require.True(t, hit.Load() && o.stderr == "", "it failed by itself: %v", o)
		requireManifestsTrue(t, at.out)
		killed++
	}
}

// watch lists and fetches all that is in a folder, over and over until the
// function that it returns is called, and fails the test when a manifest is
// seen whose files are not there or not true (R24).
func watch(t *testing.T, out string) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	var polls, seen int
	go func() {
		defer close(ended)
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			polls++
			n, err := poll(out)
			seen += n
			if err != nil {
				t.Errorf("R24: poll %d of %s: %v", polls, out, err)
				return
			}
		}
	}()
	var once atomic.Bool
	stop = func() {
		if once.CompareAndSwap(false, true) {
			close(done)
			<-ended
			watchPolls.Add(int64(polls))
			watchManifests.Add(int64(seen))
		}
	}
	t.Cleanup(stop)
	return stop
}

var watchPolls, watchManifests atomic.Int64

// logPolls says at the end of a test how often was looked, by all that have
// ended by then.
func logPolls(t *testing.T) {
	t.Cleanup(func() {
		t.Logf("R24: %d polls found %d manifests, all true", watchPolls.Load(), watchManifests.Load())
	})
}

// poll fetches every manifest and the files that it names. That a file is
// missing counts only if its manifest is still there.
func poll(out string) (manifests int, err error) {
	all, err := archives(out)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, a := range all {
		if err := a.verify(out); err != nil {
			if _, gone := os.Stat(filepath.Join(out, filepath.FromSlash(a.Key))); gone == nil {
				return manifests, fmt.Errorf("%s is there: %w", a.Key, err)
			}
		}
		manifests++
	}
	return manifests, nil
}
