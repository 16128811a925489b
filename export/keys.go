package export

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/sink"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// checkTemplate reports what is wrong with a key template; "" is the default.
func checkTemplate(t string) error {
	if t == "" {
		return nil
	}
	if !strings.Contains(t, "{job}") {
		return errors.New("{job} is missing: keys of different exports would collide")
	}
	var bad error
	sample := placeholder.ReplaceAllStringFunc(t, func(p string) string {
		switch p {
		case "{tenant}", "{job}", "{dataset}", "{year}", "{month}", "{day}":
			return "x"
		}
		bad = fmt.Errorf("%s is not one of {tenant}, {job}, {dataset}, {year}, {month}, {day}", p)
		return "x"
	})
	if bad != nil {
		return bad
	}
	return sink.ValidKey(sample)
}

// The place of {dataset} in keys of files that hold several, and of manifests.
const (
	allDatasets   = "all"
	manifestsName = "manifest"
)

// folder returns the folder of a job's objects of one dataset, without a slash
// behind it.
func folder(template, tenant, job, dataset string, created time.Time) string {
	return placeholder.ReplaceAllStringFunc(template, func(p string) string {
		switch p {
		case "{tenant}":
			return sink.CleanSegment(tenant)
		case "{job}":
			return sink.CleanSegment(job)
		case "{dataset}":
			return sink.CleanSegment(dataset)
		case "{year}":
			return created.UTC().Format("2006")
		case "{month}":
			return created.UTC().Format("01")
		default:
			return created.UTC().Format("02")
		}
	})
}

// fileName is what a person saves: runs_2026-10.csv.gz, with a number when a
// file was rolled.
func fileName(dataset, label, ext string, roll int) string {
	name := stem(dataset, label)
	if roll > 0 {
		name += fmt.Sprintf("-%04d", roll)
	}
	return name + "." + ext
}

// stem is the part of keys and file names that a dataset and a period share.
func stem(dataset, label string) string {
	if label == "" {
		return sink.CleanSegment(dataset)
	}
	return sink.CleanSegment(dataset) + "_" + label
}

// objectKey names what one attempt at a part writes: no two attempts share a key.
func objectKey(base string, part int, fence int64, ext string) string {
	return base + "." + strconv.Itoa(part) + "." + strconv.FormatInt(fence, 10) + "." + ext
}

// uniqueNames numbers the names under which a person would save two files of
// one export over each other, also where case does not count.
func uniqueNames(files []ManifestFile) {
	taken := make(map[string]bool, len(files))
	for i := range files {
		name := files[i].Name
		stem, ext, _ := strings.Cut(name, ".")
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = fmt.Sprintf("%s-%d.%s", stem, n, ext)
		}
		files[i].Name = name
		taken[strings.ToLower(name)] = true
	}
}
