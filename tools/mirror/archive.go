package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// zipFile packs one file, without its time: the same file makes the same archive.
func zipFile(archive, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: filepath.Base(file), Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := writer.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := entry.Write(content); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return replace(archive, packed.Bytes())
}

// replace writes a file whole or not at all.
func replace(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil { //nolint:gosec // other users of a runner may install from it
		return err
	}
	return os.Rename(temporary, path)
}

// sums are the SHA-256 checksums of archives, in the form that sha256sum -c reads.
// Those of earlier builds for other platforms stay.
type sums struct {
	path  string
	lines map[string]string // by name
}

func newSums(path string) (*sums, error) {
	s := &sums{path: path, lines: map[string]string{}}
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return s, nil
	}
	for line := range strings.Lines(string(content)) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			s.lines[name] = sum
		}
	}
	return s, err
}

func (s *sums) add(archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	s.lines[filepath.Base(archive)] = fmt.Sprintf("%x", hash.Sum(nil))
	return nil
}

func (s *sums) write() error {
	var lines []string
	for name, sum := range s.lines {
		lines = append(lines, sum+"  "+name+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return replace(s.path, []byte(strings.Join(lines, "")))
}
