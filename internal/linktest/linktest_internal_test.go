package linktest

import (
	"slices"
	"strings"
	"testing"
)

// What go list -deps prints of a program: it imports b, which imports c, and d,
// which imports c and a package of the standard library.
const program = "strings\t\t\n" +
	"example.com/c\texample.com/c\t\n" +
	"example.com/b/inner\texample.com/b\texample.com/c\n" +
	"example.com/b\texample.com/b\texample.com/b/inner\n" +
	"example.com/d\texample.com/d\tstrings example.com/c\n" +
	"example.com/program\texample.com/program\texample.com/b example.com/d\n"

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limit     int
		forbidden []Forbidden
		want      []string // what each problem says
	}{
		"none":      {6, []Forbidden{{"example.com/cc", "No."}}, nil},
		"too many":  {5, nil, []string{"6 packages are linked, 5 at most are allowed"}},
		"its chain": {5, nil, []string{"2 packages of example.com/b\n\texample.com/program\n\timports example.com/b\n1 packages of example.com/c"}},
		"forbidden": {6, []Forbidden{{"example.com/c", "It is slow."}}, []string{"example.com/c must not be linked. It is slow.\n\texample.com/program\n\timports example.com/d\n\timports example.com/c"}},
		"below it":  {6, []Forbidden{{"example.com/b/", "It is slow."}}, []string{"example.com/b/inner must not be linked."}},
		"each":      {5, []Forbidden{{"example.com/d", "No."}, {"strings", "No."}}, []string{"example.com/d must", "strings must", "6 packages"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(parse(program), tc.limit, tc.forbidden)
			if !slices.EqualFunc(got, tc.want, strings.Contains) {
				t.Errorf("problems %q, want %q", got, tc.want)
			}
		})
	}
}
