package provider

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
)

// cli is Terraform as users run it: the built provider, a directory of its own
// and the key in the environment. It sees what the test framework does not
// show: warnings, logs and files.
type cli struct {
	t         *testing.T
	dir       string
	terraform string
	env       []string
	output    bytes.Buffer // of all commands so far
}

func newCLI(t *testing.T, config configuration, env ...string) *cli {
	t.Helper()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("runs Terraform, so it needs %s", resource.EnvTfAcc)
	}
	skipUnlessConcurrent(t)
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	if _, err := exec.LookPath(terraform); err != nil {
		t.Fatalf("%s; make test fetches Terraform where there is none", err)
	}
	c := &cli{t: t, dir: t.TempDir(), terraform: terraform}
	c.write("main.tf", cliConfig(config))
	c.env = append(os.Environ(), append([]string{"TF_CLI_CONFIG_FILE=" + buildProvider(t), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}, env...)...)
	return c
}

// cliConfig is a configuration as Terraform itself needs it.
func cliConfig(config configuration) string {
	return "terraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n" + config.String()
}

// buildProvider builds the provider, once for all tests, and returns a CLI
// configuration that uses it.
func buildProvider(t *testing.T) string {
	t.Helper()
	config, err := builtProvider()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// buildDir is where the provider is built; TestMain makes and removes it.
var buildDir string

var builtProvider = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir, "terraform-provider-klaviyo")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-ldflags", "-X " + reflect.TypeFor[klaviyoProvider]().PkgPath() + ".fixedSalt=1", "-o", binary}
	if race.Enabled {
		args = append(args, "-race")
	}
	build := exec.CommandContext(context.Background(), "go", append(args, "../..")...) // it outlives the test that needs it first
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the provider cannot be built: %w\n%s", err, out)
	}
	config := filepath.Join(buildDir, "dev.tfrc")
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"klaviyo-community/klaviyo\" = %q\n  }\n  direct {}\n}\n", buildDir)
	return config, os.WriteFile(config, []byte(overrides), 0o600)
})

func (c *cli) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// try runs a command and returns what it writes to either stream.
func (c *cli) try(args ...string) (string, error) {
	c.t.Helper()
	var out bytes.Buffer
	command := exec.CommandContext(c.t.Context(), c.terraform, args...)
	command.Dir, command.Env, command.Stdout, command.Stderr = c.dir, c.env, &out, &out
	err := command.Run()
	c.output.Write(out.Bytes())
	return out.String(), err
}

// run runs a command that must succeed and say these words.
func (c *cli) run(words string, args ...string) {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("terraform %s: %s\n%s", strings.Join(args, " "), err, c.errorsIn(out))
	}
	c.wantWords(out, words)
}

// fail runs a command that must fail and say these words.
func (c *cli) fail(words string, args ...string) {
	c.t.Helper()
	out, err := c.try(args...)
	if err == nil {
		c.t.Fatalf("terraform %s succeeded", strings.Join(args, " "))
	}
	c.wantWords(out, words)
}

func (c *cli) wantWords(out, words string) {
	c.t.Helper()
	if plain := frame.ReplaceAllString(out, " "); !says(words).MatchString(plain) {
		c.t.Errorf("Terraform does not say %q:\n%s", words, c.errorsIn(out))
	}
}

// frame is what Terraform draws around messages.
var frame = regexp.MustCompile(`[╷│╵]`)

// errorsIn leaves the log out.
func (c *cli) errorsIn(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if !logLine.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ \[`)
