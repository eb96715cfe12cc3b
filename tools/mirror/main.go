// Command mirror builds the provider into a folder from which terraform init
// installs it: a filesystem mirror, in Terraform's packed layout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	var m mirror
	flag.StringVar(&m.root, "root", "..", "folder of the provider's source")
	flag.StringVar(&m.dir, "dir", "", "folder of the mirror")
	flag.StringVar(&m.host, "host", "registry.terraform.io", "host of the provider's address; registry.opentofu.org for OpenTofu")
	flag.StringVar(&m.version, "version", "", "version of the provider, such as 0.1.0")
	platforms := flag.String("platforms", "", "platforms, such as linux/amd64 darwin/arm64")
	flag.Parse()
	m.platforms, m.build = strings.Fields(*platforms), buildProvider

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := m.write(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mirror:", err)
		os.Exit(1)
	}
	fmt.Printf("The mirror is %s. Use it with:\n\nexport TF_CLI_CONFIG_FILE='%s'\n", m.dir, m.configFile())
}

const provider = "klaviyo-community/klaviyo"

type mirror struct {
	root, dir, host, version string
	platforms                []string
	// build builds the provider for a platform into a file.
	build func(ctx context.Context, m *mirror, platform, file string) error
}

func (m *mirror) check() error {
	if m.dir == "" || len(m.platforms) == 0 {
		return errors.New("-dir and -platforms are required")
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(m.version) {
		return fmt.Errorf("the version %q is not one such as 0.1.0", m.version)
	}
	for _, platform := range m.platforms {
		if !regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`).MatchString(platform) {
			return fmt.Errorf("the platform %q is not one such as linux/amd64", platform)
		}
	}
	return nil
}

func (m *mirror) write(ctx context.Context) error {
	if err := m.check(); err != nil {
		return err
	}
	folder := filepath.Join(m.dir, m.host, filepath.FromSlash(provider))
	if err := os.MkdirAll(folder, 0o755); err != nil { // other users of a runner may install from it
		return err
	}
	sums, err := newSums(filepath.Join(folder, fmt.Sprintf("terraform-provider-klaviyo_%s_SHA256SUMS", m.version)))
	if err != nil {
		return err
	}
	for _, platform := range m.platforms {
		archive := filepath.Join(folder, fmt.Sprintf("terraform-provider-klaviyo_%s_%s.zip", m.version, strings.ReplaceAll(platform, "/", "_")))
		if err := m.pack(ctx, platform, archive); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		if err := sums.add(archive); err != nil {
			return err
		}
	}
	if err := sums.write(); err != nil {
		return err
	}
	return m.writeConfig()
}

func (m *mirror) pack(ctx context.Context, platform, archive string) error {
	temporary, err := os.MkdirTemp("", "klaviyo-mirror-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	binary := filepath.Join(temporary, "terraform-provider-klaviyo_v"+m.version)
	if strings.HasPrefix(platform, "windows/") {
		binary += ".exe"
	}
	if err := m.build(ctx, m, platform, binary); err != nil {
		return err
	}
	return zipFile(archive, binary)
}

// buildProvider builds as releases do. The same source and the same Go make the same
// file, and so the same checksum in the lock file.
func buildProvider(ctx context.Context, m *mirror, platform, file string) error {
	system, architecture, _ := strings.Cut(platform, "/")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+m.version, "-o", file, ".")
	command.Dir = m.root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	return command.Run()
}

func (m *mirror) configFile() string { return filepath.Join(m.dir, "mirror.tfrc") }

// writeConfig writes a configuration of Terraform's that installs the provider from
// the mirror, and all others from where they always come from.
func (m *mirror) writeConfig() error {
	dir, err := filepath.Abs(m.dir)
	if err != nil {
		return err
	}
	address := m.host + "/" + provider
	content := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path    = %q\n    include = [%q]\n  }\n  direct {\n    exclude = [%[2]q]\n  }\n}\n", dir, address)
	return os.WriteFile(m.configFile(), []byte(content), 0o644)
}
