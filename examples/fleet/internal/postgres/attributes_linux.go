package postgres

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is who the server runs as when the program runs as root, whom it refuses.
const nobody = 65534

// attributes lets the command run as the server's user, out of reach of a terminal's
// interrupt. The kernel ends it when this process is gone.
func attributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// own gives the folder to the server's user.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}
