package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

func TestMatchesPattern(t *testing.T) {
	t.Parallel()
	for pattern, names := range map[string]map[string]bool{
		"a/**/*.csv":       {"a/x.csv": true, "a/b/x.csv": true, "a/b/c/x.csv": true, "a/x.tsv": false, "x.csv": false, "b/a/x.csv": false, "ab/x.csv": false},
		"**/*.csv":         {"x.csv": true, "a/b/x.csv": true, "a/x.csv/y": false},
		"a/**":             {"a/x": true, "a/b/x": true, "a": false, "b/x": false},
		"a/**/b/**/x":      {"a/b/x": true, "a/1/b/2/3/x": true, "a/x": false, "b/x": false, "a/b/b/x/x": true},
		"**/dt=*/p-*.json": {"dt=1/p-1.json": true, "x/y/dt=2026-11-27/p-2.json": true, "x/dt=1/y/p-1.json": false},
		"a/**/b/c":         {"a/b/c": true, "a/b/b/c": true, "a/b/c/c": false},
		"**/**/x":          {"x": true, "a/x": true, "a/b/x/y": false},
		"a/**/**":          {"a/x": true, "a/b/c": true, "a": false},
		"a/*":              {"a/x": true, "a/b/x": false},
		"a/[0-9]/**/x":     {"a/1/x": true, "a/1/b/x": true, "a/b/x": false},
	} {
		for name, want := range names {
			if got := storage.MatchesPattern(pattern, name); got != want {
				t.Errorf("%q matches %q: %v", pattern, name, got)
			}
		}
	}
	long := strings.Repeat("a/", 200)
	if storage.MatchesPattern(strings.Repeat("**/a/", 30)+"b", long+"c") {
		t.Error("matches what it does not")
	}
}

// tree makes files, each with its own name as its content.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// found are the names of the files that a pattern finds in a folder.
func found(t *testing.T, dir, pattern string) ([]string, error) {
	t.Helper()
	objects, err := storage.Of(dir).Find(t.Context(), dir+"/"+pattern)
	var names []string
	for _, o := range objects {
		name, _ := filepath.Rel(dir, o.Path())
		names = append(names, filepath.ToSlash(name))
	}
	return names, err
}

func TestDiskFindsBelowFolders(t *testing.T) {
	t.Parallel()
	dir := tree(t, "top.csv", "a/1.csv", "a/b/2.csv", "a/b/c/3.csv", "a/b/c/3.txt", "b/4.csv", "dt=1/b/5.csv")
	for pattern, want := range map[string][]string{
		"**/*.csv":      {"a/1.csv", "a/b/2.csv", "a/b/c/3.csv", "b/4.csv", "dt=1/b/5.csv", "top.csv"},
		"a/**/*.csv":    {"a/1.csv", "a/b/2.csv", "a/b/c/3.csv"},
		"a/b/**":        {"a/b/2.csv", "a/b/c/3.csv", "a/b/c/3.txt"},
		"*/**/b/*.csv":  {"a/b/2.csv", "dt=1/b/5.csv"},
		"**/b/**/*.csv": {"a/b/2.csv", "a/b/c/3.csv", "b/4.csv", "dt=1/b/5.csv"},
		"[ab]/**/?.csv": {"a/1.csv", "a/b/2.csv", "a/b/c/3.csv", "b/4.csv"},
		"*/*.csv":       {"a/1.csv", "b/4.csv"},
	} {
		if got, err := found(t, dir, pattern); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s finds %q (%v), want %q", pattern, got, err, want)
		}
	}
}

// Patterns without ** find what the library finds where all folders can be read.
func TestDiskFindsWhatGlobFinds(t *testing.T) {
	t.Parallel()
	dir := tree(t, "top.csv", "a/1.csv", "a/b/2.csv", "a/b/c/3.csv", "b/4.csv", "b/b/2.csv", ".hidden/5.csv", "[x]/6.csv", "a b/7.csv", "d/e/8.csv")
	patterns := []string{
		"*", "*.csv", "*/*", "*/*.csv", "?/?.csv", "[ab]/*.csv", "[^a]/*.csv", "*/b/2.csv", "*/b/*.csv", "a/b/*.csv", "a/*/*/*.csv", "*/1.csv", "a*/7.csv",
		"[[]x]/*.csv", "none/*.csv", "*/none/*.csv", "*/none.csv", "top.csv/*", "top.csv/*/x", "*/1.csv/x*", "*/1.csv/x", "*/", "*//1.csv", "a//*.csv", "*/./1.csv", "*/../t*.csv",
		"a/../*.csv", "./*.csv", ".*/*.csv", "[b-]/*.csv", "a[/]*.csv",
	}
	if runtime.GOOS != "windows" {
		patterns = append(patterns, `\[x\]/*.csv`, `*/\1.csv`, `a\ b/?.csv`)
	}
	all := []string{"*.go", "./*.go", "*/*.go", "../*/pattern.go", "../stor*/./pattern.go", "pattern.g[o]", "*"}
	for _, pattern := range patterns {
		all = append(all, filepath.ToSlash(dir)+"/"+pattern, dir+string(filepath.Separator)+filepath.FromSlash(pattern), dir+"/a/../"+pattern, dir+"//"+pattern)
	}
	for _, pattern := range all {
		want, wantErr := filepath.Glob(pattern)
		got, err := storage.GlobFiles(t.Context(), pattern)
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s finds %q (%v), want %q (%v)", pattern, got, err, want, wantErr)
		}
	}
}

// A folder that cannot be read is an error wherever a pattern leads through it: what is
// in it might be a part of the segment. One that does not exist holds nothing.
func TestDiskDoesNotPassOverFolders(t *testing.T) {
	t.Parallel()
	dir := tree(t, "at/1.csv", "at/in/1.csv", "to/1.csv")
	long := strings.Repeat("x", 300) // which no file system allows
	for link, to := range map[string]string{"fr": "fr", "no": "nowhere", "it": "at/1.csv/in"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err) // Windows allows it to some users only
		}
	}
	for pattern, want := range map[string][]string{
		"[aint]*/1.csv": {"at/1.csv", "to/1.csv"}, "[aint]*/*.csv": {"at/1.csv", "to/1.csv"}, "[aint]*/in/1.csv": {"at/in/1.csv"}, "[aint]*/**/1.csv": {"at/1.csv", "at/in/1.csv", "to/1.csv"},
	} {
		if got, err := found(t, dir, pattern); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s finds %q (%v), want %q", pattern, got, err, want)
		}
	}
	for pattern, folder := range map[string]string{
		"*/1.csv": "fr", "*/*.csv": "fr", "fr/*.csv": "fr", "*/**/1.csv": "fr", "**/1.csv": "fr", "f*/x/*.csv": "fr",
		"a*/" + long + "/*.csv": long, "a*/" + long: "at", "a*/" + long + "/**": long,
	} {
		if _, err := found(t, dir, pattern); err == nil || !strings.Contains(err.Error(), folder+`", which the pattern`) || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%s: %v, want an error of %s", pattern, err, folder)
		}
	}
}

// Links to folders are followed, each folder once, so that a circle ends.
func TestDiskFollowsLinksBelowFolders(t *testing.T) {
	t.Parallel()
	dir, elsewhere := tree(t, "a/1.csv"), tree(t, "2.csv")
	for link, to := range map[string]string{"a/elsewhere": elsewhere, "a/again": elsewhere, "a/up": dir} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a/1.csv", "a/again/2.csv"}
	if got, err := found(t, dir, "**/*.csv"); err != nil || !slices.Equal(got, want) {
		t.Errorf("finds %q (%v), want %q", got, err, want)
	}
}

func TestDiskRefusesPatterns(t *testing.T) {
	t.Parallel()
	dir := tree(t, "a/1.csv", "closed/2.csv")
	for pattern, want := range map[string]string{
		"**.csv":     "** stands for folders, so it must be alone between two slashes. Write segments/**/*.csv",
		"a**/*.csv":  "** stands for folders",
		"**/[.csv":   "the pattern is not valid",
		"x/**/*.csv": "No file matches",
	} {
		if _, err := found(t, dir, pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		return // nothing is closed to them
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) }) // so that it can be removed
	for _, pattern := range []string{"**/*.csv", "*/*.csv", "*/2.csv", "*/**/2.csv", "closed/*.csv", "[c]losed/**", "*/in/2.csv"} {
		if _, err := found(t, dir, pattern); err == nil || !strings.Contains(err.Error(), "closed") || !strings.Contains(err.Error(), "cannot be read: permission denied") {
			t.Errorf("%s: a folder that cannot be read: %v", pattern, err)
		}
	}
	if err := os.Chmod(closed, 0o100); err != nil {
		t.Fatal(err)
	}
	if got, err := found(t, dir, "c*/2.csv"); err != nil || !slices.Equal(got, []string{"closed/2.csv"}) {
		t.Errorf("a folder that may not be listed: %q, %v", got, err)
	}
}
