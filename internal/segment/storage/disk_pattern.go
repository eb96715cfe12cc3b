package storage

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// globFiles finds what a pattern matches, in any order. Unlike [filepath.Glob], it
// knows ** and follows links to folders, each folder once.
func globFiles(ctx context.Context, pattern string) ([]string, error) {
	slashed := filepath.ToSlash(pattern)
	if err := checkPattern(slashed); err != nil {
		return nil, err
	}
	if !isRecursive(slashed) {
		return filepath.Glob(pattern)
	}
	before, after, _ := cutParts(strings.Split(slashed, "/"))
	folders := []string{strings.Join(before, "/")}
	switch {
	case len(before) == 0:
		folders[0] = "."
	case len(before) == 1 && before[0] == "":
		folders[0] = "/"
	case strings.ContainsAny(folders[0], "*?["):
		var err error
		if folders, err = filepath.Glob(filepath.FromSlash(folders[0])); err != nil {
			return nil, err
		}
	}
	w := treeWalk{ctx: ctx, pattern: append([]string{anyFolders}, after...), visited: map[string]bool{}}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue // nothing is below it
		}
		if err := w.walk(folder, nil); err != nil {
			return nil, err
		}
	}
	return w.found, nil
}

// treeWalk finds the files below a folder. A folder that cannot be read is an
// error, since a part of a segment must not pass for all of it.
type treeWalk struct {
	ctx     context.Context
	pattern []string
	visited map[string]bool // folders, links resolved
	found   []string
}

func (w *treeWalk) walk(folder string, below []string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	if resolved, err = filepath.Abs(resolved); err != nil || w.visited[resolved] {
		return err
	}
	w.visited[resolved] = true
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(filepath.ToSlash(folder), entry.Name())
		parts := slices.Concat(below, []string{entry.Name()})
		isFolder := entry.IsDir()
		if entry.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(name)
			isFolder = err == nil && info.IsDir()
		}
		if isFolder {
			if err := w.walk(name, parts); err != nil {
				return err
			}
		} else if matchParts(w.pattern, parts) {
			w.found = append(w.found, filepath.FromSlash(name))
		}
	}
	return nil
}
