package storage

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// anyFolders is the part of a pattern that stands for any number of folders, none
// included; at the end it stands for all files below.
const anyFolders = "**"

var errGluedStars = errors.New("** is not a whole part of the path")

// checkPattern returns [path.ErrBadPattern] or errGluedStars. A ** beside other
// characters would match as * does, and leave out what is in folders below.
func checkPattern(pattern string) error {
	for part := range strings.SplitSeq(pattern, "/") {
		if part != anyFolders && strings.Contains(part, anyFolders) {
			return errGluedStars
		}
	}
	_, err := path.Match(pattern, "")
	return err
}

// patternProblem says what is wrong with a pattern, and what to do.
func patternProblem(err error) (problem, remedy string) {
	if errors.Is(err, errGluedStars) {
		return "the pattern is not valid: ** stands for folders, so it must be alone between two slashes",
			"Write segments/**/*.csv for the CSV files in a folder and in all folders below it; a single * is any text without a slash."
	}
	return "the pattern is not valid", "A [ begins a set of characters that a ] ends, and \\ takes the next character as it is."
}

// isWildcard reports whether a part of a pattern stands for other names than its own.
func isWildcard(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// isRecursive reports whether a pattern has a **.
func isRecursive(pattern string) bool {
	return slices.Contains(strings.Split(pattern, "/"), anyFolders)
}

// matchesPattern reports whether a valid pattern matches a name.
func matchesPattern(pattern, name string) bool {
	if !isRecursive(pattern) {
		ok, _ := path.Match(pattern, name)
		return ok
	}
	return matchParts(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

// matchParts matches a name part by part. What is between two ** is looked for
// once, from the left, so that the time is bounded.
func matchParts(pattern, name []string) bool {
	before, rest, recursive := cutParts(pattern)
	if len(name) < len(before) || !equalParts(before, name[:len(before)]) {
		return false
	}
	if name = name[len(before):]; !recursive {
		return len(name) == 0
	}
	for {
		between, after, more := cutParts(rest)
		if !more { // the last ** takes all but the end
			if len(between) == 0 {
				return len(name) > 0
			}
			return len(name) >= len(between) && equalParts(between, name[len(name)-len(between):])
		}
		for len(between) > 0 && !equalParts(between, name[:min(len(between), len(name))]) {
			if len(name) <= len(between) {
				return false
			}
			name = name[1:]
		}
		name, rest = name[len(between):], after
	}
}

// cutParts cuts a pattern around its first **.
func cutParts(pattern []string) (before, after []string, found bool) {
	if at := slices.Index(pattern, anyFolders); at >= 0 {
		return pattern[:at], pattern[at+1:], true
	}
	return pattern, nil, false
}

// equalParts matches as many parts of a pattern without a **.
func equalParts(pattern, name []string) bool {
	return slices.EqualFunc(pattern, name, func(pattern, name string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}
