package provider

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// mirroring is an export of people as a mirror.
func (w *env) mirroring(content string) configuration {
	w.t.Helper()
	return w.export(peopleHeader+content).with(exportBlock, "sync_mode", `"mirror"`)
}

// removals counts the requests that took members off a list.
func (w *env) removals() (n int) {
	for _, r := range w.Requests() {
		if r.Method == http.MethodDelete {
			n++
		}
	}
	return n
}

// A mirror removes from the list who left the segments, and nobody else; unless too many
// would go, which the plan refuses.
func TestAccSegmentExport_mirror(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	strangers := []string{"yan@example.com", "zed@example.com"}
	w.AddMembers(w.list.ID, strangers...)
	config := w.mirroring(peopleRows(0, 200))
	first := applied(config, inState(exportAddress, values{"list_profile_count": 202, "last_run.profiles_removed": 0, "last_run.status": "succeeded"}))

	left := applied(config, inState(exportAddress, merged(changesOf(0, 0, 20, 180), values{
		"last_run.profiles_removed": 20, "last_run.profiles_submitted": 0, "list_profile_count": 182, "last_run.sent": "changes",
	})))
	left.PreConfig = func() { w.segment(peopleHeader + peopleRows(20, 200)) }
	left.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, merged(changesOf(0, 0, 20, 180), values{
		"last_run.reason": "segment changed: +0 ~0 -20 (nothing to send)",
	}))
	tooMany := refused(config, "Too Many Members Would Be Removed", "46 members of the list", "25.3 % of its 182 members, where 25 % are allowed", "safeguards.max_removed_percent")
	tooMany.PreConfig = func() { w.segment(peopleHeader + peopleRows(66, 201)) }
	allowed := applied(config.with(exportBlock, "safeguards", "{ max_removed_percent = 26 }"),
		inState(exportAddress, merged(changesOf(1, 0, 46, 134), values{"last_run.profiles_removed": 46, "last_run.profiles_added": 1})))
	allowed.PreConfig = func() {
		w.wantImports(1)
		if n := w.removals(); n != 1 {
			t.Errorf("%d requests removed members", n)
		}
	}
	all := applied(config.with(exportBlock, "removal_scope", `"all"`), inState(exportAddress, values{"last_run.profiles_removed": 2, "list_profile_count": 135}))
	all.PreConfig = func() {
		w.wantMembers(slices.Sorted(slices.Values(append(addressesIn(peopleRows(66, 201)), strangers...)))...)
	}
	all.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "removal scope changed"})
	w.run(first, left, tooMany, allowed, all)
	w.wantImports(2)
	w.wantMembers(addressesIn(peopleRows(66, 201))...)
}

// A mirror keeps whose address stands in a row that cannot be split into columns, wherever in
// the row it stands, and exports the person again once the row is put right.
func TestAccSegmentExport_mirrorOfTornRows(t *testing.T) {
	t.Parallel()
	for scope, strangers := range map[string]int{"exported": 1, "all": 0} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			w.AddMembers(w.list.ID, "zed@example.com")
			config := w.mirroring(peopleRows(0, 2500)).with(exportBlock, "removal_scope", strconv.Quote(scope))
			torn := applied(config, inState(exportAddress, merged(changesOf(0, 0, 20, 2476), values{
				"rejected_count": 5, "last_run.profiles_removed": 20, "last_run.status": "succeeded", "list_profile_count": 2480 + strangers,
			})))
			torn.PreConfig = func() {
				w.segment(peopleHeader + "p20@example.com,Smith, John\n\"Smith\", Jim,<P21@Example.com>\n" +
					peopleRows(24, 2500) + "p22@example.com,\"Best\np23@example.com,shop\"\nnobody@example.com,a,b\n,\"c\n")
			}
			mended := applied(config, inState(exportAddress, merged(changesOf(0, 4, 0, 2476), values{"rejected_count": 0, "last_run.profiles_removed": 0})))
			mended.PreConfig = func() { w.segment(peopleHeader + peopleRows(20, 2500)) }
			gone := applied(config, inState(exportAddress, values{"changes.removed": 4, "last_run.profiles_removed": 4}))
			gone.PreConfig = func() { w.segment(peopleHeader + peopleRows(24, 2500)) }
			w.run(applied(config), torn, mended, gone)
			w.wantMembers(slices.Concat(addressesIn(peopleRows(24, 2500)), []string{"zed@example.com"}[:strangers])...)
		})
	}
}

// A segment that lost most of its people is refused in the plan, although the changes are too
// many to be listed: in the same file, and in another one.
func TestAccSegmentExport_mirrorOfACollapse(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.mirroring(peopleRows(0, 100)).with(exportBlock, "safeguards", "{ max_removed_percent = 10 }")
	words := []string{"Too Many Members Would Be Removed", "At least 80 members of the list", "80 % of its 100 members, where 10 % are allowed"}
	few := peopleHeader + strings.ReplaceAll(peopleRows(0, 20), ",P", ",Q")
	shrunk := refused(config, words...)
	shrunk.PreConfig = func() { w.segment(few) }
	moved := refused(config.with(exportBlock, "segment", fileSegment(w.write("other.csv", few))), words...)
	w.run(applied(config), shrunk, moved)
	w.wantImports(1)
}

// The number of members in the state may be an old one: people who have opted out since and
// then left the segment are not taken for members who would be removed.
func TestAccSegmentExport_mirrorOfThoseWhoDidNotOptOut(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.mirroring(peopleRows(0, 200)).with(exportBlock, "membership_check", `"none"`)
	left := applied(config, inState(exportAddress, values{"last_run.profiles_removed": 0, "list_profile_count": 140}))
	left.PreConfig = func() {
		for _, email := range addressesIn(peopleRows(140, 200)) {
			w.Unsubscribe(w.list.ID, email)
		}
		w.segment(peopleHeader + strings.ReplaceAll(peopleRows(0, 140), ",P", ",Q"))
	}
	w.run(applied(config), left)
}

// People who were exported by mistake leave the list again if the export becomes a mirror,
// and its segment is corrected after that. Those who were members before stay.
func TestAccSegmentExport_mirrorUndoesAnExport(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, "zed@example.com")
	wrong := w.export(peopleHeader + peopleRows(0, 1200))
	mirror := wrong.with(exportBlock, "sync_mode", `"mirror"`)
	corrected := mirror.with(exportBlock, "segment", fileSegment(w.write("right.csv", peopleHeader+peopleRows(1000, 1200))))
	w.run(applied(wrong),
		applied(mirror, inState(exportAddress, values{"last_run.profiles_submitted": 0, "last_run.profiles_removed": 0})),
		refused(corrected, "Too Many Members Would Be Removed"),
		applied(corrected.with(exportBlock, "safeguards", "{ max_removed_percent = 100 }"),
			inState(exportAddress, values{"last_run.profiles_removed": 1000, "list_profile_count": 201, "last_run.status": "succeeded"})))
	w.wantMembers(append(addressesIn(peopleRows(1000, 1200)), "zed@example.com")...)
}

// Whom a mirror has put on the list is known after a change of the mapping, too.
func TestAccSegmentExport_mirrorSendsEverything(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, "zed@example.com")
	config := w.mirroring(peopleRows(0, 100))
	unmapped := applied(config.without(exportBlock, "attributes"), inState(exportAddress, values{
		"last_run.sent": "everything", "last_run.profiles_removed": 3, "last_run.status": "succeeded",
	}))
	unmapped.PreConfig = func() { w.segment(peopleHeader + peopleRows(3, 100)) }
	w.run(applied(config), unmapped)
	w.wantMembers(append(addressesIn(peopleRows(3, 100)), "zed@example.com")...)
}

// Where nothing tells who left, nobody is removed: the run is partial and says what
// to do.
func TestAccSegmentExport_mirrorWithoutSketch(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.mirroring(peopleRows(0, 100)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if _, _, private := c.privateOf(); private[keyAcknowledgedKeys] == nil {
		t.Error("no keys are kept")
	}
	c.damage(keyAcknowledged, `"AAAA"`)
	c.damage(keyAcknowledgedKeys, `"AAAA"`)
	w.segment(peopleHeader + peopleRows(2, 100))
	out, err := c.try("apply", "-auto-approve", "-no-color")
	if err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	c.wantWords(out, `Nobody Was Removed From The List: VIP customers to Klaviyo`)
	c.wantWords(out, `set removal_scope = "all"`)
	c.run(`status = "partial"`, "show", "-no-color")
	w.wantMembers(addressesIn(peopleRows(0, 100))...)
	c.terraformRun("No changes", "plan")
}

// Two exports that mirror one list would take turns in emptying it.
func TestAccSegmentExport_twoMirrorsOfOneList(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const second = `resource "klaviyo_segment_export" "second"`
	config := w.mirroring(peopleRows(0, 3))
	for argument, value := range config[exportBlock] {
		config = config.with(second, argument, value)
	}
	config = config.with(second, "display_name", `"Others to Klaviyo"`)
	other := w.AddList(simulator.List{Name: "Others"})
	w.run(applied(w.connection()),
		refused(config, "Two Exports Mirror One List", "to Klaviyo\" and \"", "to Klaviyo\" both have sync_mode", w.list.ID),
		applied(config.with(second, "list_id", `"`+other.ID+`"`)),
		applied(config.with(second, "sync_mode", `"upsert"`)))
}

// A mirror that removes everybody else must not share its list with any export,
// whichever of the two is planned first.
func TestAccSegmentExport_mirrorOfAllBesideAnExport(t *testing.T) {
	t.Parallel()
	const second = `resource "klaviyo_segment_export" "second"`
	beside := func(w *env, mirrored, other string) configuration {
		config := w.mirroring(peopleRows(0, 3))
		one := config[exportBlock]
		config = config.with(exportBlock, "display_name", `"First"`)
		for argument, value := range one {
			config = config.with(second, argument, value)
		}
		config = config.with(second, "display_name", `"Second"`)
		return config.with(mirrored, "removal_scope", `"all"`).with(other, "sync_mode", `"upsert"`)
	}
	w := newEnv(t)
	w.run(applied(w.connection()),
		refused(beside(w, exportBlock, second), "Export To A List That Another Mirrors", `The exports "First" and "Second" have the same list`, `"First" has removal_scope = "all"`, `would remove the people of "Second" from the list`, `removal_scope = "exported"`),
		refused(beside(w, second, exportBlock), "Export To A List That Another Mirrors", `The exports "Second" and "First" have the same list`, `"Second" has removal_scope = "all"`),
		refused(beside(w, second, exportBlock).with(second, "depends_on", "["+exportAddress+"]"), "Export To A List That Another Mirrors"),
		applied(beside(w, second, exportBlock).with(second, "removal_scope", `"exported"`)))
}

// What means nothing, or what cannot be kept, is an error on the argument.
func TestAccSegmentExport_refusedSending(t *testing.T) {
	t.Parallel()
	mirror := func(c configuration) configuration { return c.with(exportBlock, "sync_mode", `"mirror"`) }
	tests := map[string]struct {
		change func(c configuration) configuration
		words  []string
	}{
		"removal scope without mirror": {
			func(c configuration) configuration { return c.with(exportBlock, "removal_scope", `"all"`) },
			[]string{"Removal Scope Without Mirror", "removal_scope", `Set sync_mode = "mirror"`},
		},
		"unknown removal scope": {
			func(c configuration) configuration { return mirror(c).with(exportBlock, "removal_scope", `"some"`) },
			[]string{"removal_scope", `"exported" "all"`},
		},
		"unknown mode": {func(c configuration) configuration { return c.with(exportBlock, "sync_mode", `"both"`) }, []string{"sync_mode", `"upsert" "mirror"`}},
		"unknown send": {func(c configuration) configuration { return c.with(exportBlock, "send", `"some"`) }, []string{"send", `"changes" "everything"`}},
		"more than all": {func(c configuration) configuration {
			return c.with(exportBlock, "safeguards", "{ max_removed_percent = 101 }")
		}, []string{"max_removed_percent", "between 0 and 100"}},
		"no duration":       {func(c configuration) configuration { return c.with(exportBlock, "full_send_after", `"a week"`) }, []string{"Not A Duration", "full_send_after", `"0" for never`}},
		"negative duration": {func(c configuration) configuration { return c.with(exportBlock, "full_send_after", `"-1h"`) }, []string{"Not A Duration", "full_send_after"}},
		"mirror without sketch": {
			func(c configuration) configuration { return mirror(c).with(exportBlock, "send", `"everything"`) },
			[]string{"Mirror Without Sketch", "send", `removal_scope = "all"`},
		},
	}
	var all refusals
	for name, test := range tests {
		w := newEnv(t)
		all.add(name, w, test.change(w.export(threeCSV)), test.words, w.wantNoImport)
	}
	all.run(t)
}

// A mirror that sends everything each time needs no sketch if everybody may go.
func TestAccSegmentExport_mirrorOfAllWithoutSketch(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, "zed@example.com")
	config := w.mirroring(peopleRows(0, 10)).with(exportBlock, "removal_scope", `"all"`).with(exportBlock, "send", `"everything"`)
	fewer := applied(config, inState(exportAddress, values{"last_run.profiles_removed": 1}))
	fewer.PreConfig = func() { w.segment(peopleHeader + peopleRows(1, 10)) }
	w.run(applied(config, inState(exportAddress, values{"last_run.profiles_removed": 1})), fewer)
	w.wantMembers(addressesIn(peopleRows(1, 10))...)
}
