//go:build !linux

package process

import (
	"os/exec"
	"syscall"
	"time"
)

// Elsewhere nothing is measured, see [Supported].

func ownCPU() time.Duration { return 0 }

func bind(*exec.Cmd, syscall.Signal) {}

// AsServer lets the process run as whoever runs this program.
func AsServer(*exec.Cmd) {}

// GiveToServer leaves the folder with whoever runs this program.
func GiveToServer(string) error { return nil }
