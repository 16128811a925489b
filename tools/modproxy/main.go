// Command modproxy writes the modules of this repository as a module proxy made of
// files, so that a program outside of it can require them as it would after a
// release, without their replace lines and without go.work.
//
//	modproxy -version v0.1.0 -out DIR [-root TOP]
//
// It prints the paths of the modules that it wrote. GOPROXY=file://DIR serves them.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	root := flag.String("root", ".", "the top of the repository")
	out := flag.String("out", "", "the folder to write the proxy to")
	version := flag.String("version", "v0.1.0", "the version that all modules get")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*root, *out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "modproxy:", err)
		os.Exit(1)
	}
}

// run publishes every module that go.work names.
func run(root, out, version string) error {
	text, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork("go.work", text, nil)
	if err != nil {
		return err
	}
	for _, use := range work.Use {
		path, err := publish(filepath.Join(root, filepath.FromSlash(use.Path)), out, version)
		if err != nil {
			return fmt.Errorf("%s: %w", use.Path, err)
		}
		fmt.Println(path)
	}
	return nil
}

// publish writes the four files by which a proxy serves one version of a module:
// the list of versions, and the version's description, go.mod and content.
func publish(folder, out, version string) (path string, err error) {
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return "", err
	}
	path = modfile.ModulePath(mod)
	escaped, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	served := filepath.Join(out, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(served, 0o755); err != nil {
		return "", err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC()})
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{"list": []byte(version + "\n"), version + ".info": info, version + ".mod": mod} {
		if err := os.WriteFile(filepath.Join(served, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return path, archive(filepath.Join(served, version+".zip"), module.Version{Path: path, Version: version}, folder)
}

// archive packs a module's folder as the go command would, without the modules
// below it.
func archive(name string, m module.Version, folder string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: the proxy has this version already", name)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return zip.CreateFromDir(f, m, folder)
}
