package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ, which is 100 on every
// architecture that Go runs on under Linux.
const tick = 10 * time.Millisecond

// Supported says why nothing can be measured here.
func Supported() error {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return fmt.Errorf("CPU and memory of processes are read from /proc, as Linux has it: %w", err)
	}
	return nil
}

// PeakMemory returns the most memory in bytes that the process has had resident,
// 0 when it is gone. Unlike ru_maxrss it does not begin with what the process had
// that started it.
func PeakMemory(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := bytes.Cut(data, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kB, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kB << 10
}

// A cpuTimes is what /proc/PID/stat says of a process's CPU.
type cpuTimes struct {
	parent      int
	own, waited time.Duration // of the process, and of its children that have ended
}

// parseStat reads /proc/PID/stat. The name in it may hold anything, so the fields
// are counted from its last parenthesis.
func parseStat(text string) (t cpuTimes, err error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return t, fmt.Errorf("a process's stat has %d fields", len(fields))
	}
	var n [15]int64
	for _, i := range []int{1, 11, 12, 13, 14} {
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return t, fmt.Errorf("a process's stat: %w", err)
		}
	}
	return cpuTimes{
		parent: int(n[1]),
		own:    time.Duration(n[11]+n[12]) * tick,
		waited: time.Duration(n[13]+n[14]) * tick,
	}, nil
}

// FamilyCPU returns the CPU time that a process and all its children have taken,
// those included that have ended.
func FamilyCPU(pid int) (time.Duration, error) {
	before, err := readStat(pid)
	for err == nil {
		total := before.own + before.waited + childrenCPU(pid)
		var after cpuTimes
		if after, err = readStat(pid); after.waited == before.waited {
			return total, err
		}
		before = after // a child ended meanwhile and may have been missed
	}
	return 0, err
}

func childrenCPU(pid int) (total time.Duration) {
	all, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, name := range all {
		child, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		// What has ended meanwhile is no child any more.
		if t, err := readStat(child); err == nil && t.parent == pid {
			total += t.own + t.waited
		}
	}
	return total
}

func readStat(pid int) (cpuTimes, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return cpuTimes{}, err
	}
	return parseStat(string(text))
}

// MachineCPU returns the CPU time that the whole machine has worked, and that its
// host took from it.
func MachineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachine(string(text))
}

// parseMachine adds up the first line of /proc/stat but for its idle times: user,
// nice, system, idle, iowait, irq, softirq, steal, and two that are in user and nice.
func parseMachine(text string) (busy time.Duration, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		busy += time.Duration(n) * tick
	}
	return busy, nil
}
