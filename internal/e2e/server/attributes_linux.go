package server

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is who the servers run as when the tests run as root, whom they refuse.
const nobody = 65534

// attributes lets the command run as the servers' user and, when it serves, out
// of reach of a terminal's interrupt, until it gets the signal end, which the
// kernel sends when this process is gone.
func attributes(cmd *exec.Cmd, end syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: end != 0, Pdeathsig: end}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// own gives the folder to the servers' user.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}
