package provider

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// several is an export of segments with one file each, in the order of their
// names.
func (w *env) several(contents map[string]string) configuration {
	w.t.Helper()
	config := w.export(threeCSV).without(exportBlock, "segment")
	for name, content := range contents {
		config = config.with(exportBlock, "segment "+name, namedSegment(name, w.write(name+".csv", content)))
	}
	return config
}

func (w *env) wantProperty(email, name, want string) {
	w.t.Helper()
	p, ok := w.Profile(email)
	if got, err := json.Marshal(p.Properties[name]); !ok || err != nil || string(got) != want {
		w.t.Errorf("%s of %s is %s (%v, %v), want %s", name, email, got, ok, err, want)
	}
}

// The union of the segments is exported, in the order in which they are written, and the
// property says who is in which.
func TestAccSegmentExport_several(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	segments := map[string]string{
		"b": "EMail,FirstName\nbob@example.com,Robert\njoe@example.com,Joe\n",
		"a": "EMail,FirstName\nann@example.com,Ann\nbob@example.com,Bob\n",
	}
	config := w.several(segments).with(exportBlock, "segment_property", `"Segments"`)
	first := applied(config, inState(exportAddress, values{"profile_count": 3, "duplicate_count": 1, "last_run.profiles_submitted": 3}))
	moved := applied(config, inState(exportAddress, values{"last_run.profiles_submitted": 1}))
	moved.PreConfig = func() {
		w.wantMembers("ann@example.com", "bob@example.com", "joe@example.com")
		w.wantProperty("ann@example.com", "Segments", `["a"]`)
		w.wantProperty("bob@example.com", "Segments", `["a","b"]`)
		w.wantProperty("joe@example.com", "Segments", `["b"]`)
		if p, _ := w.Profile("bob@example.com"); p.Attributes["first_name"] != "Bob" {
			t.Errorf("bob's first name is %v: not that of the first segment", p.Attributes["first_name"])
		}
		segments["b"] += "ann@example.com,Anna\n"
		w.several(segments)
	}
	moved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +0 ~1 -0"))
	renamed := applied(config.with(exportBlock, "segment_property", `"In"`))
	renamed.PreConfig = func() { w.wantProperty("ann@example.com", "Segments", `["a","b"]`) }
	renamed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "everything is sent: mapping changed"})
	w.run(first, moved, renamed)
	w.wantProperty("joe@example.com", "In", `["b"]`)
}

func TestAccSegmentExport_segmentPropertyErrors(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "properties", `{ Tier = "FirstName" }`)
	w.run(
		refused(config.with(exportBlock, "segment_property", `"Tier"`), "Property Mapped Twice", `"Tier" already comes from a column, in properties.`),
		refused(config.with(exportBlock, "segment_property", `"$tier"`), "Property Name Not Allowed", "begins with $"),
	)
	w.wantImports(0)
}

func TestAccSegmentExport_oneSourceEach(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.run(refused(w.export(threeCSV).with(exportBlock, "segment", `{ name = "vip" }`), "A Segment Needs One Source", "exactly one source", "It has none."))
}
