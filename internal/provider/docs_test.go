package provider

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const docsFolder = "../../docs"

// pages are the texts of the pages by path, and that of README.md.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	read := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.ToSlash(path)] = string(text)
	}
	read("../../README.md")
	if err := filepath.WalkDir(docsFolder, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			read(path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("there are only %d pages", len(found))
	}
	return found
}

var (
	fence       = regexp.MustCompile("(?s)```.*?\n```")
	heading     = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	anchorTag   = regexp.MustCompile(`<a id="([^"]+)"`)
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\-_ ]`)
)

// anchors are those that a page has, as GitHub and the registry make them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		found[strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	for _, m := range anchorTag.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

// Every link within the documentation leads to a page, with its .md, and to a heading
// that is there.
func TestDocs_links(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
			}
			page, known := all[to]
			switch {
			case known && anchor != "" && !anchors(page)[anchor]:
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			case known:
			case strings.HasPrefix(to, docsFolder):
				t.Errorf("%s links to %s, which is no page", path, m[1])
			default:
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s links to %s: %v", path, m[1], err)
				}
			}
		}
	}
}

// Without required_providers, Terraform looks for the provider in hashicorp/. So each
// example has the block, or a link to it.
func TestDocs_requiredProviders(t *testing.T) {
	t.Parallel()
	const block, toBlock = "required_providers {", "index.md#example-usage"
	checked := 0
	for path, text := range pages(t) {
		before, _, _ := strings.Cut(text, "\n## Schema\n")
		_, example, found := strings.Cut(before, "\n## Example Usage\n")
		switch {
		case strings.HasSuffix(path, "README.md"), strings.HasSuffix(path, "testing.md"):
			example = hclBlock.FindString(text) // the first one
		case !found:
			continue
		}
		checked++
		if !strings.Contains(example, block) && !strings.Contains(example, toBlock) {
			t.Errorf("the example of %s has no %q, and no link to %s", path, block, toBlock)
		}
	}
	if checked < 9 {
		t.Errorf("only %d pages were checked", checked)
	}
}

// A page that is longer than this is not read.
func TestDocs_length(t *testing.T) {
	t.Parallel()
	const maxLines = 400
	for path, text := range pages(t) {
		text, _, _ = strings.Cut(text, "\n## Schema\n")
		if n := strings.Count(text, "\n"); n > maxLines {
			t.Errorf("%s has %d lines before its schema, more than %d", path, n, maxLines)
		}
	}
}

// The example of a mock has all attributes of last_run: OpenTofu does not make up those
// that are left out.
func TestDocs_mock(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/testing/export.tftest.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range runAttributes {
		if !regexp.MustCompile(`(?m)^ +` + a.name + ` +=`).Match(text) {
			t.Errorf("last_run of the mock lacks %s", a.name)
		}
	}
}

// unclear are words that nobody looks for, each with what to write in its place.
var unclear = map[string]string{
	"stand-in": "simulator", "clicked together": "set up in a form", "declared anew": "created again", "passing reason": "temporary error",
	"made good": "sent again", "rests on": "needs", "strangers": "other members", "taken for what it is": "accepted", "whom it has": "the people that it has",
}

func TestDocs_words(t *testing.T) {
	t.Parallel()
	for path, text := range pages(t) {
		for number, line := range strings.Split(text, "\n") {
			for words, better := range unclear {
				if strings.Contains(strings.ToLower(line), words) {
					t.Errorf("%s:%d says %q; write %q", path, number+1, words, better)
				}
			}
		}
	}
}

var (
	hclBlock  = regexp.MustCompile("(?s)```(terraform|hcl)\n(.*?)\n *```")
	topLevel  = regexp.MustCompile(`(?m)^(terraform|provider|resource|data|variable|output|module|locals|import|check|ephemeral|action|run|mock_provider|override_resource)\b`)
	notYet    = regexp.MustCompile(`(?m)^\s*(provider_installation|identity *=|action ["t]|events *=|ephemeral "|run "|mock_provider|override_)`)
	namesList = regexp.MustCompile(`klaviyo_(connection|list)\.(\w+)`)
)

// Every block of HCL is valid as it stands, or as a part of an export. Those that need a
// later Terraform than 1.5 are left out.
func TestAccDocs_blocks(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.provider())
	checked := 0
	for path, text := range pages(t) {
		for _, m := range hclBlock.FindAllStringSubmatch(text, -1) {
			content := m[2]
			if notYet.MatchString(content) {
				continue
			}
			if !topLevel.MatchString(content) {
				content = inExport(content)
			}
			content = complete(content)
			c.write("main.tf", content)
			checked++
			if out, err := c.try("validate", "-no-color"); err != nil {
				t.Errorf("%s: %v\n%s\n%s", path, err, content, out)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d blocks were checked", checked)
	}
}

// inExport puts a part into an export that has what it lacks.
func inExport(part string) string {
	var b strings.Builder
	b.WriteString("resource \"klaviyo_segment_export\" \"main\" {\n  display_name = \"x\"\n  list_id = \"Y6nRLr\"\n  destination = klaviyo_connection.main\n")
	if !regexp.MustCompile(`(?m)^segment\b`).MatchString(part) {
		b.WriteString("  segment {\n name = \"vip\"\n file { path = \"vip.csv\" }\n}\n")
	}
	if !regexp.MustCompile(`(?m)^data_matching\b`).MatchString(part) {
		b.WriteString("  data_matching {\n email = \"EMail\"\n}\n")
	}
	b.WriteString(part + "\n}\n")
	return b.String()
}

// complete adds the resources that a block refers to and does not have, and the source
// of the provider.
func complete(content string) string {
	for _, m := range namesList.FindAllStringSubmatch(content, -1) {
		kind, name := m[1], m[2]
		if declared := fmt.Sprintf("%q %q", "klaviyo_"+kind, name); strings.Contains(content, declared) || strings.Contains(content, "data."+m[0]) {
			continue
		}
		body := "display_name = \"x\"\n  data_privacy_consent = true"
		if kind == "list" {
			body = `name = "x"`
		}
		content += fmt.Sprintf("\nresource \"klaviyo_%s\" %q {\n  %s\n}\n", kind, name, body)
	}
	if !strings.Contains(content, "required_providers") {
		content += "\nterraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n"
	}
	return content
}
