package task

import (
	"os"
	"runtime/pprof"
)

// profile starts the CPU profile that the task asks for.
func (t Task) profile() (stop func(), err error) {
	if t.Profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(t.Profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
