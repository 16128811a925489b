package process

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// nobody is who servers run as when this program runs as root, whom they refuse.
const nobody = 65534

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bind makes the process end, by the signal, when the thread that starts it is
// gone, and keeps a terminal's interrupt from it: its end is this program's business.
func bind(cmd *exec.Cmd, end syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, end
}

// AsServer lets the process run as the user that servers run as.
func AsServer(cmd *exec.Cmd) {
	if os.Getuid() != 0 {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
}

// GiveToServer gives a folder to the user that servers run as.
func GiveToServer(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}
