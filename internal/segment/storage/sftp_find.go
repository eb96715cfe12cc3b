package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds of what a pattern leads through.
const (
	maxSFTPNames   = 64 << 20 // bytes of all listings, about 300,000 files
	maxSFTPFolders = 100      // below each other
)

var (
	errLongSFTPListing = &readError{
		problem: fmt.Sprintf("the folders that the pattern leads through list more than %d MiB of names", maxSFTPNames>>20),
		remedy:  "Name the folders more closely.",
	}
	errDeepSFTPFolders = &readError{
		problem: fmt.Sprintf("there are more than %d folders one inside the other", maxSFTPFolders),
		remedy:  "A link may lead back to a folder above it. Name the folders more closely than by **.",
	}
)

// sftpFinder finds the files of an address.
type sftpFinder struct {
	*sftpServer
	restOfNames int64 // bytes that listings may still have
	visited     map[string]bool
	found       []Object
}

// find returns the file with this very path, else those that the path matches as a
// pattern.
func (f *sftpFinder) find(ctx context.Context) ([]Object, error) {
	info, err := f.stat(ctx, f.address.path)
	switch {
	case err == nil && info.IsDir():
		return nil, &readError{problem: "it is a folder, not a file", remedy: "Name the file itself, or a pattern such as folder/*.csv."}
	case err == nil:
		err = f.add(f.address.path, info)
	case isPattern(f.address.path) && (errors.Is(err, errSFTPNotFound) || errors.Is(err, errSFTPDenied)):
		err = f.match(ctx)
	case errors.Is(err, errSFTPNotFound):
		return nil, &readError{problem: "there is no such file", remedy: "Check the path, upper and lower case included. A path relative to the user's home folder begins with /~/."}
	}
	return f.found, err
}

// match finds the files that the path matches as a pattern.
func (f *sftpFinder) match(ctx context.Context) error {
	if err := checkPattern(f.address.path); err != nil {
		problem, remedy := patternProblem(err)
		return &readError{problem: problem, remedy: remedy}
	}
	folder, pattern := "", f.address.path
	if rest, isAbsolute := strings.CutPrefix(pattern, "/"); isAbsolute {
		folder, pattern = "/", rest
	}
	f.visited = map[string]bool{}
	if err := f.expand(ctx, folder, strings.Split(pattern, "/")); err != nil {
		return err
	}
	if f.found == nil {
		return &readError{problem: "no file matches", remedy: "* stands for any characters but /, and ** for any folders. Check the folder and the pattern."}
	}
	slices.SortFunc(f.found, func(a, b Object) int { return strings.Compare(a.Path(), b.Path()) })
	return nil
}

// expand finds what the parts of a pattern match below a folder.
func (f *sftpFinder) expand(ctx context.Context, folder string, parts []string) error {
	part, rest := parts[0], parts[1:]
	switch {
	case part == anyFolders:
		return f.walk(ctx, folder, nil, parts)
	case !isWildcard(part) && len(rest) > 0:
		return f.expand(ctx, path.Join(folder, part), rest)
	case !isWildcard(part):
		info, err := f.stat(ctx, path.Join(folder, part))
		if err != nil || info.IsDir() {
			return ignoreMissing(err)
		}
		return f.add(path.Join(folder, part), info)
	}
	entries, err := f.list(ctx, folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ok, _ := path.Match(part, entry.Name()); !ok {
			continue
		}
		name := path.Join(folder, entry.Name())
		info, err := f.resolve(ctx, name, entry)
		switch {
		case len(rest) > 0 && errors.Is(err, errSFTPNotFound): // a link that leads nowhere
			err = nil
		case err != nil:
			err = f.missingTarget(name, err)
		case len(rest) > 0 && info.IsDir():
			err = f.expand(ctx, name, rest)
		case len(rest) == 0 && !info.IsDir():
			err = f.add(name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walk finds what a pattern that begins with ** matches below a folder, in each
// folder once.
func (f *sftpFinder) walk(ctx context.Context, folder string, below, pattern []string) error {
	if len(below) > maxSFTPFolders {
		return errDeepSFTPFolders
	}
	resolved, err := sftpCall(ctx, f.sftpServer, func(_ context.Context, c *sftpConnection) (string, error) { return c.client.RealPath(orHome(folder)) })
	if err != nil || f.visited[resolved] {
		return ignoreMissing(err)
	}
	f.visited[resolved] = true
	entries, err := f.list(ctx, folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, parts := path.Join(folder, entry.Name()), slices.Concat(below, []string{entry.Name()})
		info, err := f.resolve(ctx, name, entry)
		switch {
		case errors.Is(err, errSFTPNotFound) && !matchParts(pattern, parts): // a link that leads nowhere
			err = nil
		case err != nil:
			err = f.missingTarget(name, err)
		case info.IsDir():
			err = f.walk(ctx, name, parts, pattern)
		case matchParts(pattern, parts):
			err = f.add(name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a file to what is found.
func (f *sftpFinder) add(name string, info fs.FileInfo) error {
	a := f.address.withPath(name)
	if kind := kindOf(info.Mode()); kind != "" {
		return notReadTwice(a.String(), kind)
	}
	f.found = append(f.found, sftpObject{server: f.sftpServer, address: a, size: info.Size(), changed: info.ModTime()})
	return nil
}

// resolve returns what an entry of a folder is, or what it links to.
func (f *sftpFinder) resolve(ctx context.Context, name string, entry fs.FileInfo) (fs.FileInfo, error) {
	if entry.Mode()&fs.ModeSymlink == 0 {
		return entry, nil
	}
	return f.stat(ctx, name)
}

// missingTarget explains why what a link leads to cannot be found.
func (f *sftpFinder) missingTarget(name string, err error) error {
	if !errors.Is(err, errSFTPNotFound) {
		return err
	}
	return &readError{problem: fmt.Sprintf("the link %q, which the pattern matches, leads nowhere", f.address.withPath(name)), remedy: "Remove it, or choose a pattern that leaves it out."}
}

func ignoreMissing(err error) error {
	if errors.Is(err, errSFTPNotFound) {
		return nil
	}
	return err
}

func (f *sftpFinder) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return sftpCall(ctx, f.sftpServer, func(_ context.Context, c *sftpConnection) (fs.FileInfo, error) { return c.client.Stat(name) })
}

// list returns what is in a folder by name; nothing if there is no such folder.
func (f *sftpFinder) list(ctx context.Context, folder string) (entries []fs.FileInfo, err error) {
	err = f.retry(ctx, func() error {
		entries, err = f.listOnce(ctx, folder)
		return f.explain(err)
	})
	if errors.Is(err, errSFTPDenied) {
		err = &readError{problem: fmt.Sprintf("the folder %q, which the pattern leads through, may not be listed: permission denied", f.address.withPath(folder)), remedy: errSFTPDenied.remedy}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, ignoreMissing(err)
}

// listOnce lists a folder. A long list takes its time, so that only silence is a
// timeout, and its length is bounded.
func (f *sftpFinder) listOnce(callerCtx context.Context, folder string) ([]fs.FileInfo, error) {
	ctx, cancel := context.WithCancelCause(callerCtx)
	defer cancel(nil)
	silent := time.AfterFunc(f.responseTimeout, func() { cancel(errTimeout) })
	defer silent.Stop()
	rest := atomic.Int64{}
	rest.Store(f.restOfNames)
	entries, err := interruptible(ctx, func() ([]fs.FileInfo, error) {
		return sftpCallOnce(ctx, f.sftpServer, func(ctx context.Context, c *sftpConnection) ([]os.FileInfo, error) {
			c.answers.tell(func(n int) {
				silent.Reset(f.responseTimeout)
				if rest.Add(int64(-n)) < 0 {
					cancel(errLongSFTPListing)
				}
			})
			defer c.answers.tell(nil)
			return c.client.ReadDirContext(ctx, orHome(folder))
		})
	}, nil)
	f.restOfNames = rest.Load()
	if callerCtx.Err() == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return entries, err
}

// orHome is the name of a folder for the server, to which nothing is not the home
// folder.
func orHome(folder string) string {
	if folder == "" {
		return "."
	}
	return folder
}
