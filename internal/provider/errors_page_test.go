package provider

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// titlePackages are the folders whose code has titles of diagnostics.
var titlePackages = []string{"provider", "export", "pipeline", "bulk", "klaviyo"}

// titleCase matches a literal of at least two words in title case, with verbs of fmt. A
// title of one word is found by its place in a call.
var titleCase = regexp.MustCompile(`^(%s )?[A-Z][A-Za-z']*( (%s|[A-Z0-9][A-Za-z0-9'-]*))*( \(%s\))?(: ?(%s)?)?$`)

// noTitles are the literals in title case that are something else.
var noTitles = []string{"External Id", "Phone Number"}

// variableTitles are the headings of the titles that begin with a number and a noun.
var variableTitles = map[string][]string{
	"%s Left Out: %s":                       {"Values Left Out"},
	"%s Not Exported: %s":                   {"Rows Not Exported"},
	"%s Of No Use: %s":                      {"Consents Of No Use"},
	"%s Shared: %s":                         {"External Ids Shared", "Phone Numbers Shared"},
	"%s To Check: %s":                       {"Values To Check"},
	"%s To Export: %s":                      {"Profiles To Export"},
	"%s Without Consent: %s":                {"Rows Without Consent"},
	"Up To %s Will Be Asked To Confirm: %s": {"Profiles Will Be Asked To Confirm"},
}

// headingsOf are the headings under which a title is explained.
func headingsOf(title string) []string {
	if headings, ok := variableTitles[title]; ok {
		return headings
	}
	title, _, _ = strings.Cut(title, ":")
	return []string{strings.TrimSuffix(title, " (%s)")}
}

// titles reports the literals of a file that are titles of diagnostics, and whether they
// are those of warnings.
func titles(file *ast.File, report func(title string, warning bool)) {
	isTitle := func(e ast.Expr, words int) (string, bool) {
		literal, ok := e.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(literal.Value)
		return text, err == nil && titleCase.MatchString(text) && len(strings.Fields(text)) >= words && !slices.Contains(noTitles, text)
	}
	warnings := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := calledName(n)
			reports := strings.HasPrefix(name, "Add") || name == "add" || name == "warn"
			for _, arg := range n.Args {
				if !reports {
					break
				}
				ast.Inspect(arg, func(inner ast.Node) bool {
					if e, ok := inner.(*ast.BasicLit); ok {
						warnings[e] = strings.Contains(strings.ToLower(name), "warn")
					}
					return true
				})
				if text, ok := isTitle(arg, 1); ok && len(strings.Fields(text)) == 1 {
					report(text, warnings[arg])
				}
			}
		case *ast.BasicLit:
			if text, ok := isTitle(n, 2); ok {
				report(text, warnings[n])
			}
		}
		return true
	})
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// titlesInCode are the headings that the pages of errors and of warnings need, each with
// a place in the code.
func titlesInCode(t *testing.T) (errors, warnings map[string]string) {
	t.Helper()
	errors, warnings = map[string]string{}, map[string]string{}
	for _, folder := range titlePackages {
		err := filepath.WalkDir(filepath.Join("..", folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			titles(file, func(title string, warning bool) {
				found := errors
				if warning {
					found = warnings
				}
				for _, heading := range headingsOf(title) {
					found[heading] = path
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return errors, warnings
}

// entry is what a page says of a title.
var entry = regexp.MustCompile(`(?m)^### (.+)\n(.*)$`)

// An error is looked up by its title: each title in the code has an entry that says what
// was sent, and each entry is of a title that can be seen.
func TestErrorsPage(t *testing.T) {
	t.Parallel()
	errors, warnings := titlesInCode(t)
	if len(errors) < 80 || len(warnings) < 30 {
		t.Fatalf("only %d titles of errors and %d of warnings were found", len(errors), len(warnings))
	}
	for page, inCode := range map[string]map[string]string{"errors": errors, "warnings": warnings} {
		text, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", page+".md.tmpl"))
		if err != nil {
			t.Fatal(err)
		}
		var headings []string
		for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
			title, says := m[1], m[2]
			headings = append(headings, title)
			if inCode[title] == "" {
				t.Errorf("%s.md has the heading %q, which is no title of %s in the code", page, title, page)
			}
			if before, sent, ok := strings.Cut(says, "Sent: "); !ok || before == "" || len(sent) < len("nothing.") {
				t.Errorf("%s.md must explain %q in the line below the heading, and end with what was sent (\"Sent: nothing.\"); it says %q", page, title, says)
			}
		}
		for title, path := range inCode {
			if !slices.Contains(headings, title) {
				t.Errorf("%s.md has no heading %q, a title in %s: explain it there", page, title, path)
			}
		}
		for i := 1; i < len(headings); i++ {
			if before := headings[i-1]; strings.ToLower(before) >= strings.ToLower(headings[i]) {
				t.Errorf("%s.md has %q after %q, which is not the order of the alphabet", page, headings[i], before)
			}
		}
	}
}
