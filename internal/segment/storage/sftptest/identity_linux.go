package sftptest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// identity is the user that the server runs as and that logs in: a server without
// privileges knows no other one.
type identity struct {
	login    string
	uid, gid int
	changes  bool // it is not the user of the tests
}

// unprivileged returns the user of the tests, or another one if that is root, who
// may read everything. It is not nobody, whose account systemd calls locked.
func unprivileged() *identity {
	u, err := user.Current()
	if os.Getuid() == 0 {
		u, err = user.Lookup("daemon")
	}
	if err != nil {
		return &identity{}
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &identity{u.Username, uid, gid, os.Getuid() == 0}
}

func (i *identity) name() string { return i.login }

func (i *identity) own(path string) error {
	if !i.changes {
		return nil
	}
	return os.Chown(path, i.uid, i.gid)
}

func (i *identity) become(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{}
	if i.changes {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(i.uid), Gid: uint32(i.gid)}
	}
}
