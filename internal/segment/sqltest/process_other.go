//go:build !linux

package sqltest

import "os/exec"

// identity is the user that a server runs as: the user of the tests.
type identity struct{}

func unprivileged(string) *identity { return nil }

func (*identity) own(string) error { return nil }

func (*identity) become(*exec.Cmd) {}

// start starts a server, which goes on running if the tests are killed.
func start(command *exec.Cmd) (ended <-chan struct{}, err error) {
	if err := command.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(done)
	}()
	return done, nil
}
