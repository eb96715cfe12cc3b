package file

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// date matches the date in the path of a folder, as in 2026/11/27 and
// dt=2026-11-27.
var date = regexp.MustCompile(`(^|\D)(19|20)\d\d[-_/]?(0?[1-9]|1[0-2])([-_/]?([0-2]?\d|3[01]))?(\D|$)`)

// choose leaves of the files that a pattern matches those that are wanted, and says
// what whoever reads the plan should know about the choice.
func (f Source) choose(objects []storage.Object) (chosen []storage.Object, notice string) {
	newest, others := newestFolder(objects)
	switch {
	case f.Newest == nil:
		if others > 0 && !slices.ContainsFunc(objects, func(o storage.Object) bool { return !date.MatchString(folder(o.Path())) }) {
			return objects, fmt.Sprintf("The files of %d dated folders are read together, so people who left after one of the dates are in the segment. "+
				"Set newest = true to read only the last folder, %q, or newest = false if this is meant.", others+1, folder(newest[0].Name()))
		}
		return objects, ""
	case !*f.Newest || !strings.ContainsAny(f.Path, "*?["): // or it names the file itself
		return objects, ""
	case others == 0:
		return newest, fmt.Sprintf("The newest folder is %q; there is no other one.", folder(newest[0].Name()))
	case others == 1:
		return newest, fmt.Sprintf("The newest folder is %q; 1 other is not read.", folder(newest[0].Name()))
	default:
		return newest, fmt.Sprintf("The newest folder is %q; %d others are not read.", folder(newest[0].Name()), others)
	}
}

// newestFolder returns the files of the folder whose path comes last, and the number
// of other folders.
func newestFolder(objects []storage.Object) (newest []storage.Object, others int) {
	folders := map[string]bool{}
	last := folder(objects[0].Path())
	for _, o := range objects {
		at := folder(o.Path())
		folders[at] = true
		if comparePaths(at, last) > 0 {
			last = at
		}
	}
	for _, o := range objects {
		if folder(o.Path()) == last {
			newest = append(newest, o)
		}
	}
	return newest, len(folders) - 1
}

func folder(file string) string { return path.Dir(strings.ReplaceAll(file, `\`, "/")) }

// comparePaths compares two paths folder by folder, and numbers in names as numbers:
// 9 comes before 10.
func comparePaths(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "/"), strings.Split(b, "/"), compareNames)
}

func compareNames(a, b string) int {
	whole := cmp.Compare(a, b) // of names that differ in leading zeros only
	for a != "" && b != "" {
		digitsOfA, digitsOfB := leadingDigits(a), leadingDigits(b)
		if digitsOfA == 0 || digitsOfB == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:digitsOfA], "0"), strings.TrimLeft(b[:digitsOfB], "0")
		if order := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); order != 0 {
			return order
		}
		a, b = a[digitsOfA:], b[digitsOfB:]
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), whole)
}

func leadingDigits(text string) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}
