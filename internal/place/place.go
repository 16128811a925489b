// Package place says where the objects of an export lie and what its files are
// called.
package place

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/sink"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// CheckTemplate reports what is wrong with a key template; "" is the default.
func CheckTemplate(t string) error {
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
	AllDatasets = "all"
	Manifests   = "manifest"
)

// Folder returns the folder of a job's objects of one dataset, without a slash
// behind it.
func Folder(template, tenant, job, dataset string, created time.Time) string {
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

// FileName is what a person saves: runs_2026-10.csv.gz, with a number when a
// file was rolled.
func FileName(dataset, label, ext string, roll int) string {
	name := Stem(dataset, label)
	if roll > 0 {
		name += fmt.Sprintf("-%04d", roll)
	}
	return name + "." + ext
}

// Stem is the part of keys and file names that a dataset and a period share.
func Stem(dataset, label string) string {
	if label == "" {
		return sink.CleanSegment(dataset)
	}
	return sink.CleanSegment(dataset) + "_" + label
}

// Key names what one attempt at a part writes: no two attempts share a key.
func Key(base string, part int, fence int64, ext string) string {
	return base + "." + strconv.Itoa(part) + "." + strconv.FormatInt(fence, 10) + "." + ext
}

// Manifest is where the manifest of the seal's attempt goes.
func Manifest(dir string, fence int64) string {
	return dir + "/manifest." + strconv.FormatInt(fence, 10) + ".json"
}

// IsManifest reports whether the key's last segment is that of a manifest.
func IsManifest(key string) bool {
	name := key[strings.LastIndexByte(key, '/')+1:]
	number, ok := strings.CutPrefix(name, "manifest.")
	number, json := strings.CutSuffix(number, ".json")
	_, err := strconv.ParseInt(number, 10, 64)
	return ok && json && err == nil
}

// Moved returns how keys of a manifest that was written as one key and
// found under another map to where the files are now: a folder that was moved
// or opened as a root keeps its inner structure.
func Moved(written, found string) (func(string) string, bool) {
	if written == found {
		return func(k string) string { return k }, true
	}
	w, f := written, found
	for w != "" && f != "" {
		wDir, wName := Split(w)
		fDir, fName := Split(f)
		if wName != fName {
			break
		}
		w, f = wDir, fDir
	}
	if w == written {
		return nil, false
	}
	return func(k string) string {
		if w != "" {
			k = strings.TrimPrefix(k, w+"/")
		}
		if f != "" {
			k = f + "/" + k
		}
		return k
	}, true
}

// Split cuts a key into its folder and its last segment.
func Split(key string) (dir, name string) {
	i := strings.LastIndexByte(key, '/')
	return key[:max(i, 0)], key[i+1:]
}

// Names are the names that a person saves the files of one export by.
type Names map[string]bool

// Take returns the name, numbered when the person would save another file over
// it, also where case does not count.
func (taken Names) Take(name string) string {
	stem, ext, _ := strings.Cut(name, ".")
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s-%d.%s", stem, n, ext)
	}
	taken[strings.ToLower(name)] = true
	return name
}

// NewID is an id for a segment of a key: 48 bits of milliseconds and 80 of randomness, in an alphabet that
// sorts like its value and needs no escaping.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never returns an error
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
