//go:build !linux

package sftptest

import (
	"os/exec"
	"os/user"
)

// identity is the user that the server runs as and that logs in: the user of the
// tests.
type identity struct{ login string }

func unprivileged() *identity {
	u, err := user.Current()
	if err != nil {
		return &identity{}
	}
	return &identity{u.Username}
}

func (i *identity) name() string { return i.login }

func (*identity) own(string) error { return nil }

func (*identity) become(*exec.Cmd) {}
