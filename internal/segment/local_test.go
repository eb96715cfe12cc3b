package segment_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

func TestLocations(t *testing.T) {
	t.Parallel()
	dir := filetest.Folder(t, map[string]string{"a.csv": "a\n", "b.csv": "a\n"})
	a, missing := filepath.Join(dir, "a.csv"), filepath.Join(dir, "missing.csv")
	hard := filepath.Join(dir, "hard.csv")
	if err := os.Link(a, hard); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		one, other string
		want       bool
	}{
		"equal":                       {a, a, true},
		"relative":                    {a, filetest.Relative(t, a), true},
		"not clean":                   {a, dir + "/./x/../a.csv", true},
		"a link":                      {a, filetest.Link(t, a), true},
		"a link to a link":            {a, filetest.Link(t, filetest.Link(t, a)), true},
		"a hard link":                 {a, hard, true},
		"a linked folder":             {a, filepath.Join(filetest.Link(t, dir), "a.csv"), true},
		"another file":                {a, filepath.Join(dir, "b.csv"), false},
		"another file of that name":   {a, filepath.Join(filetest.Folder(t, map[string]string{"a.csv": "a\n"}), "a.csv"), false},
		"missing":                     {missing, missing, true},
		"missing, relative":           {missing, filetest.Relative(t, missing), true},
		"missing, in a linked folder": {missing, filepath.Join(filetest.Link(t, dir), "missing.csv"), true},
		"missing, another name":       {missing, filepath.Join(dir, "other.csv"), false},
		"missing, another folder":     {missing, filepath.Join(t.TempDir(), "missing.csv"), false},
		"in missing folders":          {"no/such/a.csv", "no/other/a.csv", false},
	} {
		one, other := segment.Locate(tc.one), segment.Locate(tc.other)
		if one.Same(other) != tc.want || other.Same(one) != tc.want {
			t.Errorf("%s: %q and %q the same: %v, %v, want %v", name, tc.one, tc.other, one.Same(other), other.Same(one), tc.want)
		}
	}
}
