// Package process starts the processes that are measured and says what each of
// them took: time, CPU, memory, and how busy the machine was with other things.
package process

import "time"

// A Mark is where a process stands: the difference of two is what lies between.
type Mark struct {
	At  time.Time
	CPU time.Duration // of all threads, in user and in kernel mode
}

// Here is the mark of this process now.
func Here() Mark { return Mark{At: time.Now(), CPU: ownCPU()} }

// Since returns the seconds of the clock and of the CPU since an earlier mark.
func (m Mark) Since(earlier Mark) (wall, cpu float64) {
	return m.At.Sub(earlier.At).Seconds(), (m.CPU - earlier.CPU).Seconds()
}
