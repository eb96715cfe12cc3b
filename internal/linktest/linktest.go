// Package linktest checks which packages a package links. It is for tests only.
package linktest

import (
	"cmp"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Forbidden are packages that must not be linked, by what their paths begin
// with.
type Forbidden struct{ Prefix, Reason string }

// Check fails a test if the package in the current directory links more than
// limit packages, or forbidden ones. It names the imports that lead there.
func Check(t *testing.T, limit int, forbidden ...Forbidden) {
	t.Helper()
	const format = "{{.ImportPath}}\t{{with .Module}}{{.Path}}{{end}}\t{{join .Imports \" \"}}"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, ".")
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	for _, problem := range problems(parse(string(list)), limit, forbidden) {
		t.Error(problem)
	}
}

// linked is a package that is linked.
type linked struct {
	path     string
	module   string // empty for the standard library
	imports  []string
	importer *linked // one that is as near to the root as can be; nil for the root
}

// parse reads what go list -deps prints, and returns the packages from the root
// on, the nearest first. go list prints each package behind all that it imports.
func parse(list string) []*linked {
	packages := map[string]*linked{}
	var root *linked
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		root = &linked{path: fields[0], module: fields[1], imports: strings.Fields(fields[2])}
		packages[root.path] = root
	}
	delete(packages, root.path)
	order := []*linked{root}
	for i := 0; i < len(order); i++ {
		for _, path := range order[i].imports {
			if p := packages[path]; p != nil {
				p.importer = order[i]
				order = append(order, p)
				delete(packages, path)
			}
		}
	}
	return order
}

func problems(packages []*linked, limit int, forbidden []Forbidden) (found []string) {
	for _, f := range forbidden {
		at := slices.IndexFunc(packages, func(p *linked) bool { return strings.HasPrefix(p.path, f.Prefix) })
		if at >= 0 {
			found = append(found, fmt.Sprintf("%s must not be linked. %s\n%s", packages[at].path, f.Reason, packages[at].chain()))
		}
	}
	if len(packages) > limit {
		found = append(found, fmt.Sprintf("%d packages are linked, %d at most are allowed, since each makes the build, the tests and the binary heavier. "+
			"The largest modules, and what imports them:\n%s", len(packages), limit, largestModules(packages)))
	}
	return found
}

// chain is how the root comes to link the package, a line for each import.
func (p *linked) chain() string {
	if p.importer == nil {
		return "\t" + p.path
	}
	return p.importer.chain() + "\n\timports " + p.path
}

func largestModules(packages []*linked) string {
	modules := map[string][]*linked{}
	for _, p := range packages {
		if p.module != "" {
			modules[p.module] = append(modules[p.module], p)
		}
	}
	largest := slices.SortedFunc(maps.Keys(modules), func(a, b string) int {
		return cmp.Or(len(modules[b])-len(modules[a]), strings.Compare(a, b))
	})
	var lines []string
	for _, module := range largest[:min(8, len(largest))] {
		lines = append(lines, fmt.Sprintf("%d packages of %s\n%s", len(modules[module]), module, modules[module][0].chain()))
	}
	return strings.Join(lines, "\n")
}
