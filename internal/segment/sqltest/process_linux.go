package sqltest

import (
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// identity is the user that a server runs as; nil is the user of the tests.
type identity struct{ uid, gid uint32 }

// unprivileged returns the user that a server runs as if the tests run as root.
func unprivileged(name string) *identity {
	if os.Getuid() != 0 {
		return nil
	}
	for _, candidate := range []string{name, "nobody"} {
		u, err := user.Lookup(candidate)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		return &identity{uint32(uid), uint32(gid)}
	}
	return nil
}

func (i *identity) own(path string) error {
	if i == nil {
		return nil
	}
	return os.Chown(path, int(i.uid), int(i.gid))
}

func (i *identity) become(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{}
	if i != nil {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: i.uid, Gid: i.gid}
	}
}

// start starts a server that dies with the tests. Linux binds that to the thread
// that starts it, so the thread waits for the server.
func start(command *exec.Cmd) (ended <-chan struct{}, err error) {
	done, started := make(chan struct{}), make(chan error)
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	go func() {
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
		close(done)
	}()
	return done, <-started
}
