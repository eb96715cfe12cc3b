package main

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func fakeBuild(_ context.Context, _ *mirror, platform, file string) error {
	return os.WriteFile(file, []byte("the provider for "+platform), 0o600)
}

// The layout is the one that Terraform calls packed, and a later build adds to it.
func TestMirror_layout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := mirror{dir: dir, host: "registry.terraform.io", version: "0.1.0", platforms: []string{"linux/amd64"}, build: fakeBuild}
	if err := m.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.platforms = []string{"windows/amd64"}
	if err := m.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "registry.terraform.io", "klaviyo-community", "klaviyo")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{
		"terraform-provider-klaviyo_0.1.0_SHA256SUMS",
		"terraform-provider-klaviyo_0.1.0_linux_amd64.zip", "terraform-provider-klaviyo_0.1.0_windows_amd64.zip",
	}; !slices.Equal(names, want) {
		t.Errorf("files %q", names)
	}
	sums, err := os.ReadFile(filepath.Join(folder, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Fields(string(sums)); len(lines) != 4 || lines[1] != names[1] || lines[3] != names[2] || len(lines[0]) != 64 {
		t.Errorf("checksums %s", sums)
	}
	for at, want := range map[int]string{1: "terraform-provider-klaviyo_v0.1.0", 2: "terraform-provider-klaviyo_v0.1.0.exe"} {
		archive, err := zip.OpenReader(filepath.Join(folder, names[at]))
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.File) != 1 || archive.File[0].Name != want || archive.File[0].Mode()&0o111 == 0 {
			t.Errorf("%s holds %v", names[at], archive.File)
		}
		archive.Close()
	}
}

func TestMirror_mistakes(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]mirror{
		"required":    {dir: "x", version: "0.1.0"},
		`"v0.1.0"`:    {dir: "x", version: "v0.1.0", platforms: []string{"linux/amd64"}},
		"linux_amd64": {dir: "x", version: "0.1.0", platforms: []string{"linux_amd64"}},
	} {
		m.build = fakeBuild
		if err := m.write(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
