package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/exportyard/exportyard/internal/bench/internal/server"
)

// A machine is where the figures come from.
type machine struct {
	Processor  string `json:"processor"`
	Cores      int    `json:"cores"`
	Memory     string `json:"memory"`
	System     string `json:"system"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql"`
	Node       string `json:"node,omitempty"`
}

// describe looks at this machine. What it cannot find out stays empty.
func describe(ctx context.Context, db *server.Server) machine {
	m := machine{
		Processor: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: field("/proc/meminfo", "MemTotal"),
		Go: runtime.Version(),
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System = "Linux " + strings.TrimSpace(string(text))
	}
	m.PostgreSQL, _ = db.Version(ctx)
	if out, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		m.Node = strings.TrimSpace(string(out))
	}
	return m
}

// field returns what stands behind the name and a colon in a file of /proc.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (m machine) String() string {
	s := fmt.Sprintf("%s, %d cores, %s of memory, %s, %s, PostgreSQL %s on the same machine", m.Processor, m.Cores, m.Memory, m.System, m.Go, m.PostgreSQL)
	if m.Node != "" {
		s += ", Node.js " + m.Node
	}
	return s
}
