package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// globFiles finds what a pattern matches, in any order. Unlike [filepath.Glob], it
// knows **, follows links to folders below it, each folder once, and does not pass over
// folders that cannot be read.
func globFiles(ctx context.Context, pattern string) ([]string, error) {
	volume := filepath.VolumeName(pattern)
	slashed := filepath.ToSlash(pattern[len(volume):])
	if err := checkPattern(slashed); err != nil {
		return nil, err
	}
	parts := strings.Split(slashed, "/")
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return nil, err // a set of characters does not reach over a slash
		}
	}
	fixed := max(slices.IndexFunc(parts, isWildcard), 0)
	folder := volume + filepath.FromSlash(strings.Join(parts[:fixed], "/"))
	switch {
	case fixed == 0:
		folder += "."
	case fixed == 1 && parts[0] == "":
		folder += string(filepath.Separator)
	}
	g := diskGlob{ctx: ctx, visited: map[string]bool{}}
	err := g.expand(folder, parts[fixed:])
	return g.found, err
}

// diskGlob finds files by a pattern. A folder that cannot be read is an error, since a
// part of a segment must not pass for all of it.
type diskGlob struct {
	ctx     context.Context
	visited map[string]bool // folders below **, links resolved
	found   []string
}

// expand finds what the parts of a pattern match below a folder.
func (g *diskGlob) expand(folder string, parts []string) error {
	part, rest := parts[0], parts[1:]
	switch {
	case part == anyFolders:
		isFolder, err := isDiskFolder(folder)
		if err != nil || !isFolder {
			return err
		}
		return g.walk(folder, nil, parts)
	case isWildcard(part):
		return g.list(folder, part, rest)
	case part == "" || part == "." || part == "..":
		return nil // no folder lists them, and .. would lead to one file in several ways
	case len(rest) > 0:
		return g.expand(filepath.Join(folder, part), rest)
	}
	name := filepath.Join(folder, part)
	_, err := os.Lstat(name)
	if err == nil {
		g.found = append(g.found, name)
		return nil
	}
	return ignoreNotOnDisk(inFolder(folder, err))
}

// list finds what a part with wildcards, and the parts after it, match in a folder.
func (g *diskGlob) list(folder, part string, rest []string) error {
	if err := g.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return ignoreNotOnDisk(err)
	}
	for _, entry := range entries {
		if ok, _ := path.Match(part, entry.Name()); !ok {
			continue
		}
		name := filepath.Join(folder, entry.Name())
		if len(rest) == 0 {
			g.found = append(g.found, name)
			continue
		}
		isFolder := entry.IsDir()
		if !isFolder && !entry.Type().IsRegular() { // a link, or what Windows has besides
			if isFolder, err = isDiskFolder(name); err != nil {
				return err
			}
		}
		if isFolder {
			if err := g.expand(name, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk finds what a pattern that begins with ** matches below a folder, in each folder
// once.
func (g *diskGlob) walk(folder string, below, pattern []string) error {
	if err := g.ctx.Err(); err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	if resolved, err = filepath.Abs(resolved); err != nil || g.visited[resolved] {
		return err
	}
	g.visited[resolved] = true
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, parts := filepath.Join(folder, entry.Name()), slices.Concat(below, []string{entry.Name()})
		isFolder := entry.IsDir()
		if entry.Type()&os.ModeSymlink != 0 {
			if isFolder, err = isDiskFolder(name); err != nil {
				return err
			}
		}
		if isFolder {
			if err := g.walk(name, parts, pattern); err != nil {
				return err
			}
		} else if matchParts(pattern, parts) {
			g.found = append(g.found, name)
		}
	}
	return nil
}

// isDiskFolder reports whether a path leads to a folder.
func isDiskFolder(name string) (bool, error) {
	info, err := os.Stat(name)
	if err != nil {
		return false, ignoreNotOnDisk(err)
	}
	return info.IsDir(), nil
}

// ignoreNotOnDisk leaves out the errors of paths that lead nowhere.
func ignoreNotOnDisk(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// inFolder blames a folder for the error of a file in it that cannot be looked for.
func inFolder(folder string, err error) error {
	var atPath *fs.PathError
	if errors.As(err, &atPath) {
		return &fs.PathError{Op: atPath.Op, Path: folder, Err: atPath.Err}
	}
	return err
}
