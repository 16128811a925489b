package server

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is who the servers run as when the tests run as root, whom they refuse.
const nobody = 65534

// attributes lets the command run out of reach of a terminal's interrupt when it
// serves, until it gets the signal end, which the kernel sends when this process is
// gone. The owner of its folder is who it runs as.
func attributes(cmd *exec.Cmd, end syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: end != 0, Pdeathsig: end}
	info, err := os.Stat(cmd.Dir)
	if err != nil {
		return // the command will say so
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Getuid() == 0 && owner.Uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
}

// own gives the folder to the servers' user.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}
