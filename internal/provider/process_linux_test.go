package provider

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hangs is how long a test waits for what takes a moment unless something hangs.
const hangs = 2 * time.Minute

// process is a Terraform that runs while the test does something to it.
type process struct {
	c       *cli
	command *exec.Cmd
	ended   chan struct{}
	err     error // once ended is closed
	out     sharedBuffer
}

// sharedBuffer can be read while it is written.
type sharedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// start begins a command. It is the leader of a process group, as it is in a shell.
func (c *cli) start(args ...string) *process {
	c.t.Helper()
	p := &process{c: c, ended: make(chan struct{})}
	p.command = exec.CommandContext(c.t.Context(), c.terraform, args...)
	p.command.Dir, p.command.Env, p.command.Stdout, p.command.Stderr = c.dir, c.env, &p.out, &p.out
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.command.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.command.Wait()
	}()
	return p
}

// wait returns what the command has written, once it has ended.
func (p *process) wait() (string, error) {
	p.c.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(hangs):
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
		<-p.ended
		p.c.t.Errorf("Terraform did not end within %v, and was killed", hangs)
	}
	out := p.out.String()
	p.c.output.WriteString(out)
	return out, p.err
}

// interrupt does what Ctrl-C in a terminal does: everything in the process group of
// Terraform gets the signal.
func (p *process) interrupt() { _ = syscall.Kill(-p.command.Process.Pid, syscall.SIGINT) }

// killProvider kills the provider and waits until it is gone.
func (p *process) killProvider() {
	for _, pid := range p.c.providers() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	p.until("the provider is gone", func() bool { return len(p.c.providers()) == 0 })
}

// until waits for a condition, or for the end of the command.
func (p *process) until(what string, holds func() bool) {
	if !eventually(func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return holds()
		}
	}) {
		p.c.t.Errorf("waited in vain until %s", what)
	}
}

// eventually reports whether a condition holds before a test must be said to hang.
func eventually(holds func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(hangs); time.Now().Before(deadline); <-tick.C {
		if holds() {
			return true
		}
	}
	return holds()
}

// providers are the processes of the provider that Terraform has started in the
// directory of the test, those that have lost their Terraform included.
func (c *cli) providers() (pids []int) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		program, err := os.Readlink(folder + "/exe") // unreadable for a zombie
		if err != nil || !strings.HasPrefix(filepath.Base(program), "terraform-provider-klaviyo") {
			continue
		}
		if dir, err := os.Readlink(folder + "/cwd"); err == nil && dir == c.dir {
			pid, _ := strconv.Atoi(filepath.Base(folder))
			pids = append(pids, pid)
		}
	}
	return pids
}

// wantNoProvider waits for the provider to end after Terraform has.
func (c *cli) wantNoProvider() {
	c.t.Helper()
	if !eventually(func() bool { return len(c.providers()) == 0 }) {
		c.t.Errorf("the processes %v of the provider are left", c.providers())
		for _, pid := range c.providers() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// wantFiles checks which files are in a directory.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(want, entry.Name()) {
			t.Errorf("%s is left in %s", entry.Name(), dir)
		}
	}
}
