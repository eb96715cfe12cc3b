package export_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

const (
	trials       = 40
	trialPeople  = 70
	trialOthers  = 12 // strangers on the list
	columnPhone  = 1
	columnID     = 2
	columnText   = 3
	smallChanges = 12 // entries of a sketch that are listed nearly always
)

// withholdsEverything says that runs withhold also who has opted out of everything,
// and look only at profiles that would be sent, which count as added or updated.
const withholdsEverything = true

// TestRunsKeepThePromiseOfTheirMode makes several runs after one another of
// segments that are edited between them, with random trouble, and compares the list,
// the counts and the changes with a simple model after each.
func TestRunsKeepThePromiseOfTheirMode(t *testing.T) {
	t.Parallel()
	for seed := range race.Seeds(trials) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			k := newTrial(t, seed)
			for range 4 + k.random.IntN(3) {
				k.edit()
				k.meddle()
				k.trouble()
				k.apply(t)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// trial is an export, who edits its segments, who changes the list, and what should
// become of it.
type trial struct {
	*env
	random *rand.Rand
	clock  *fastClock
	merges bool // Klaviyo merges profiles with the same identifiers

	export   *export.Export
	tables   []*table
	rows     []map[int][]string // of each segment, by person
	others   [][][]string       // of each segment: duplicates and rows that are rejected
	optedOut map[string]bool

	failing   map[string]bool // addresses that Klaviyo does not take
	transient map[string]bool // of those, because of trouble in Klaviyo
	mayFail   bool            // a fault is armed that ends a run
	failed    bool            // a run has failed since the last one that succeeded
	miscounts bool

	kept  kept
	known known
}

// kept is what a provider keeps of the last run.
type kept struct {
	acknowledged, keys []byte
	ran                bool
	members            int64
	startedAt          time.Time
}

// known is what the model knows of earlier runs.
type known struct {
	acknowledged map[string]string // values by address; nil if that is not known
	keys         map[string]bool   // likewise, of mirrors
	unsure       map[string]bool   // sent by a run that failed, perhaps with other values than acknowledged
}

func newTrial(t *testing.T, seed uint64) *trial {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 20))
	k := &trial{random: random, clock: &fastClock{}, optedOut: map[string]bool{}}
	options := simulator.Options{
		Now:                  k.clock.Now,
		KeepBodies:           true,
		MaxErrorsPerResponse: []int{0, 1, 4}[random.IntN(3)],
		NullCounts:           random.IntN(4) == 0,
		QueueDelay:           time.Duration(random.IntN(2)) * time.Second,
	}
	switch random.IntN(3) {
	case 0:
		options.MergeProfiles, k.merges = true, true
	case 1:
		options.FailTaken = true
	}
	options.Account.GlobalUnsubscribe = withholdsEverything && random.IntN(2) == 0
	k.env = newEnv(t, options)
	k.env.clock = k.clock
	k.strangers(t)
	k.AddMembers(k.listID, address(0), address(1)) // whom somebody else has put on the list, too
	if random.IntN(3) == 0 {
		k.FailForNow(2+random.IntN(20), 1+random.IntN(3))
	}
	for range 1 + random.IntN(3) {
		source := &table{columns: []string{"email", "phone", "id", "text"}}
		k.tables, k.rows, k.others = append(k.tables, source), append(k.rows, map[int][]string{}), append(k.others, nil)
	}
	k.export = k.declare()
	for i := range trialPeople / 2 {
		k.join(i)
	}
	for range random.IntN(8) {
		k.optOut(address(random.IntN(trialPeople)))
	}
	return k
}

// strangers puts people on the list who are in no segment, some with a phone number
// and an id.
func (k *trial) strangers(t *testing.T) {
	t.Helper()
	source := &table{columns: columns}
	for i := range trialOthers {
		source.rows = append(source.rows, []string{fmt.Sprintf("stranger%d@example.com", i), phoneOf(900 + i), "1", theirID(i)})
	}
	e := k.env.export(source)
	e.Mapping.ExternalID = "text"
	k.run(t, e)
	k.ResetRequests()
}

func phoneOf(i int) string { return fmt.Sprintf("+34600%06d", i) }

func theirID(i int) string { return fmt.Sprintf("theirs-%d", i) }

func (k *trial) declare() *export.Export {
	e := k.env.export()
	for i, source := range k.tables {
		e.Segments = append(e.Segments, pipeline.Segment{Name: fmt.Sprintf("s%d", i+1), Source: source})
	}
	e.Mapping = profile.Mapping{
		Email: "email", PhoneNumber: "phone", ExternalID: "id",
		Properties: map[string]profile.Property{"text": {Column: "text"}},
	}
	if k.random.IntN(2) == 0 {
		e.SegmentProperty = "segments"
	}
	e.Safeguards = export.Safeguards{MaxRejectedPercent: 100, MaxRemovedPercent: 100, AllowEmptySegment: true}
	e.Mirror = k.mirror()
	return e
}

func (k *trial) mirror() export.Mirror {
	return []export.Mirror{export.MirrorNone, export.MirrorExported, export.MirrorExported, export.MirrorAll}[k.random.IntN(4)]
}

// join puts a person into some segments.
func (k *trial) join(i int) {
	for s := range k.rows {
		if k.rows[s][i] == nil && (s == i%len(k.rows) || k.random.IntN(3) == 0) {
			k.rows[s][i] = []string{address(i), k.phone(i), k.id(i), fmt.Sprint("first ", k.random.IntN(3))}
		}
	}
}

func (k *trial) phone(i int) string {
	switch k.random.IntN(12) {
	case 0:
		return "nonsense"
	case 1:
		if !k.merges { // or it would not be known who is merged with whom
			return phoneOf(800 + k.random.IntN(3)) // shared by several
		}
	case 2, 3, 4:
		return phoneOf(i)
	}
	return ""
}

func (k *trial) id(i int) string {
	switch k.random.IntN(12) {
	case 0:
		if i < trialOthers {
			return theirID(i)
		}
	case 1:
		if !k.merges {
			return fmt.Sprint("shared-", k.random.IntN(3))
		}
	case 2, 3, 4:
		return fmt.Sprint("id-", i)
	}
	return ""
}

// edit changes the segments.
func (k *trial) edit() {
	edits := []int{0, 3, 10, 60}[k.random.IntN(4)]
	for range edits {
		i, s := k.random.IntN(trialPeople), k.random.IntN(len(k.rows))
		row := slices.Clone(k.rows[s][i])
		switch what := k.random.IntN(11); {
		case what < 3:
			k.join(i)
			continue
		case row == nil:
			continue
		case what < 5:
			for s := range k.rows {
				delete(k.rows[s], i)
			}
			continue
		case what == 5:
			delete(k.rows[s], i)
			continue
		case what == 6:
			row[columnPhone] = k.phone(i)
		case what == 7:
			row[columnID] = k.id(i)
		case what == 8:
			row[columnText] = notUTF8
		default:
			row[columnText] = fmt.Sprint("later ", k.random.IntN(4))
		}
		k.rows[s][i] = row
	}
	if edits > 0 {
		for s := range k.others {
			k.others[s] = k.oddRows(s)
		}
	}
	for s, source := range k.tables {
		source.rows = append(sorted(k.rows[s]), k.others[s]...)
		source.version = ""
		if k.random.IntN(3) == 0 {
			source.version = fmt.Sprint("version ", k.random.Int())
		}
	}
	// Segments nobody of which can be exported are refused.
	k.tables[0].rows = append(k.tables[0].rows, []string{"anchor@example.com", "", "", "first"})
}

// notUTF8 is a text that a row is rejected for.
const notUTF8 = "\xff"

// oddRows are rows that make no profile.
func (k *trial) oddRows(s int) (rows [][]string) {
	for range k.random.IntN(3) {
		rows = append(rows, []string{"not an address", "", "", ""}, []string{"ragged"})
	}
	for _, row := range sorted(k.rows[s]) {
		switch again := k.random.IntN(30); {
		case again < 2 && row[columnText] != notUTF8:
			rows = append(rows, []string{strings.ToUpper(row[0]), phoneOf(700), "again", "duplicate"})
		case again == 2:
			rows = append(rows, []string{strings.ToUpper(row[0]), "", "", notUTF8})
		}
	}
	return rows
}

// meddle is what others do in Klaviyo between two runs.
func (k *trial) meddle() {
	k.later()
	members := k.MemberEmails(k.listID)
	someone := func() string { return members[k.random.IntN(len(members))] }
	for range k.random.IntN(3) {
		k.optOut(someone())
	}
	switch k.random.IntN(4) {
	case 0:
		for range k.random.IntN(4) {
			k.AddMembers(k.listID, fmt.Sprintf("late%d@example.com", k.random.IntN(50)))
		}
	case 1: // only the number of members tells that somebody is lost, so nobody may have joined
		if !k.failed {
			for range 1 + k.random.IntN(4) {
				if who := someone(); !k.optedOut[who] {
					k.RemoveMembers(k.listID, who)
				}
			}
		}
	}
	k.later()
}

// later lets time pass.
func (k *trial) later() { k.clock.advance(k.clock.Now().Add(10 * time.Minute)) }

func (k *trial) optOut(email string) {
	stranger := k.merges && strings.HasPrefix(email, "stranger") // who may turn out to be somebody in the segments
	if k.optedOut[email] || stranger {
		return
	}
	k.optedOut[email] = true
	if withholdsEverything && k.random.IntN(3) == 0 {
		k.SuppressEverything(email, "SPAM_COMPLAINT")
		return
	}
	k.Unsubscribe(k.listID, email)
}

// trouble sets up what goes wrong in the next run.
func (k *trial) trouble() {
	for email := range k.failing {
		k.TakeEmail(email)
	}
	k.failing, k.transient = map[string]bool{}, map[string]bool{}
	for range k.random.IntN(9) {
		email := address(k.random.IntN(trialPeople))
		if k.failing[email] {
			continue
		}
		switch k.failing[email] = true; k.random.IntN(3) {
		case 0:
			k.RefuseEmail(email, "invalid", "Nobody wants them.")
		case 1:
			k.FailEmail(email, "invalid", "Nobody wants them.")
		case 2:
			k.transient[email] = true
			k.FailEmail(email, troubleCode, troubleDetail)
		}
	}
	faults, where := sorted(passing), sorted(places)
	for range k.random.IntN(4) {
		f := at(faults[k.random.IntN(len(faults))], where[k.random.IntN(len(where))])
		f.Nth += k.random.IntN(3)
		if f.Delay == 0 {
			k.Inject(f)
		}
	}
	k.MiscountJobs(0, 0)
	if k.miscounts = k.random.IntN(12) == 0; k.miscounts {
		k.MiscountJobs(1, 1+k.random.IntN(3))
	}
	k.export.SetBatchLimits(5+k.random.IntN(60), 1<<16)
	if !k.mayFail && k.random.IntN(4) > 0 {
		return
	}
	// One batch at a time, or imports may be under way when the run has failed.
	k.export.SetBatchLimits(1000, 1<<20)
	if k.mayFail {
		return
	}
	switch k.mayFail = true; k.random.IntN(3) {
	case 0:
		k.CancelJobs(1)
	case 1:
		k.Inject(simulator.Fault{Method: http.MethodPost, Path: jobsPath, Nth: 1 + k.random.IntN(3), Status: http.StatusForbidden})
	case 2:
		k.Inject(simulator.Fault{Method: http.MethodDelete, Status: http.StatusForbidden})
	}
}

// held is what the segments hold.
type held struct {
	values                     map[string]string // that Klaviyo should have, by address
	unsent                     map[string]bool   // people all of whose rows are rejected
	texts, segments            map[string]string
	rows, rejected, duplicates int64
}

// read works out what the segments hold.
func (k *trial) read() held {
	c := held{values: map[string]string{}, unsent: map[string]bool{}, texts: map[string]string{}, segments: map[string]string{}}
	first, in := map[string][]string{}, map[string][]any{}
	users := map[string]int{} // of an identifier
	for s, source := range k.tables {
		name := fmt.Sprint("s", s+1)
		for _, row := range source.rows {
			c.rows++
			email := strings.ToLower(row[0])
			switch {
			case len(row) < len(source.columns) || !strings.Contains(email, "@"):
				c.rejected++
				continue
			case row[columnText] == notUTF8:
				c.rejected++
				c.unsent[email] = true
				continue
			case first[email] != nil:
				c.duplicates++
			default:
				first[email] = row
				users[row[columnPhone]]++
				users[row[columnID]]++
			}
			if !slices.Contains(in[email], any(name)) {
				in[email] = append(in[email], name)
			}
		}
	}
	for email, row := range first {
		delete(c.unsent, email)
		c.texts[email], c.segments[email] = row[columnText], fmt.Sprint(in[email])
		value := row[columnText]
		for _, identifier := range row[columnPhone:columnText] {
			if users[identifier] > 1 || identifier == "nonsense" {
				identifier = ""
			}
			value += "," + identifier
		}
		if k.export.SegmentProperty != "" {
			value += c.segments[email]
		}
		c.values[email] = value
	}
	return c
}

// has reports whether an address is in the segments.
func (h held) has(email string) bool {
	_, sent := h.values[email]
	return sent || h.unsent[email]
}

// changes are the addresses that differ from what was acknowledged.
type changes struct{ added, updated, removed, rejected map[string]bool }

func (k *trial) changes(now held) (c changes) {
	c = changes{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for email, value := range now.values {
		switch before, ok := k.known.acknowledged[email]; {
		case !ok:
			c.added[email] = true
		case before != value:
			c.updated[email] = true
		}
	}
	for email := range k.known.acknowledged {
		switch {
		case !now.has(email):
			c.removed[email] = true
		case now.unsent[email]:
			c.rejected[email] = true
		}
	}
	return c
}

// few reports whether the changes are so few that a sketch lists them.
func (k *trial) few(c changes) bool {
	entries := len(c.added) + 2*len(c.updated) + len(c.removed) + len(c.rejected)
	return entries*len(k.tables) <= smallChanges
}

// checkSurvey compares the changes that a survey found with those that there are.
func (k *trial) checkSurvey(t *testing.T, s *export.Survey, want changes) {
	t.Helper()
	if s.Changes == nil {
		if k.few(want) {
			t.Logf("not listed: +%d ~%d -%d", len(want.added), len(want.updated), len(want.removed)) // one in hundreds
		}
		return
	}
	for what, both := range map[string]struct {
		got  pipeline.Keys
		want map[string]bool
	}{
		"added":   {s.Changes.Added, want.added},
		"updated": {s.Changes.Updated, want.updated},
		"removed": {s.Changes.Removed, want.removed},

		"rejected": {s.Changes.Rejected, want.rejected},
	} {
		var keys pipeline.Keys
		for email := range both.want {
			keys = append(keys, pipeline.KeyOf(k.export.Acknowledged, profile.HashOfAddress(email).Lo))
		}
		slices.Sort(keys)
		if !slices.Equal(both.got, keys) {
			t.Errorf("%d %s, want %v", len(both.got), what, slices.Sorted(maps.Keys(both.want)))
		}
	}
}

// apply plans and makes a run, as a provider does, and checks what came of it.
func (k *trial) apply(t *testing.T) {
	t.Helper()
	e := k.export
	k.prepare(t)
	now := k.read()
	survey, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := k.changes(now)
	if e.Acknowledged != nil {
		k.checkSurvey(t, survey, changed)
	}
	if k.lost(t) > 0 || k.random.IntN(8) == 0 { // the latter as if a full send was due
		e.Acknowledged = nil
	}
	k.ResetRequests()
	before := k.MemberEmails(k.listID)
	r, err := e.Run(t.Context(), k.client, export.RunOptions{Surveyed: survey})
	sent := k.imported()
	if err != nil {
		if !k.mayFail {
			t.Fatal(err)
		}
		k.later() // its jobs end
		k.mayFail, k.failed = false, true
		maps.Copy(k.known.unsure, sent)
		k.checkFailed(t, before, now)
		return
	}
	k.later()
	everything := e.Acknowledged == nil || survey.Changes == nil
	checkAccounting(t, r)
	k.checkCounts(t, r, now, everything, changed)
	want := k.toSend(now, everything, changed)
	if !maps.Equal(sent, want) {
		t.Errorf("sent are %v, want %v", slices.Sorted(maps.Keys(sent)), slices.Sorted(maps.Keys(want)))
	}
	k.checkList(t, r, before, now, sent, everything, changed)
	k.checkValues(t, now, sent)
	k.keep(t, r, now, everything, changed)
}

// prepare has the export use what is kept of the last run.
func (k *trial) prepare(t *testing.T) {
	t.Helper()
	e := k.export
	if k.random.IntN(6) == 0 {
		e.Mirror = k.mirror()
	}
	e.TrackChanges = e.Mirror == export.MirrorExported || k.random.IntN(10) > 0
	if !e.TrackChanges {
		k.kept.acknowledged, k.kept.keys = nil, nil
		k.known.acknowledged, k.known.keys = nil, nil
	}
	if k.known.unsure == nil {
		k.known.unsure = map[string]bool{}
	}
	e.Acknowledged, e.AcknowledgedKeys = decoded(t, k.kept.acknowledged), nil
	if e.Mirror == export.MirrorExported {
		e.AcknowledgedKeys = decoded(t, k.kept.keys)
	}
}

func encoded(s *sketch.Sketch) []byte {
	if s == nil {
		return nil
	}
	return s.Encode()
}

func decoded(t *testing.T, kept []byte) *sketch.Sketch {
	t.Helper()
	if kept == nil {
		return nil
	}
	s, err := sketch.Decode(kept)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lost is how many members the list has lost.
func (k *trial) lost(t *testing.T) int64 {
	t.Helper()
	if !k.kept.ran || k.kept.members < 0 {
		return 0
	}
	list, err := k.client.ListWithCount(t.Context(), k.listID)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := k.export.Lost(t.Context(), k.client, k.kept.members, list.ProfileCount, k.kept.startedAt)
	if err != nil {
		t.Fatal(err)
	}
	return lost
}

var addressPattern = regexp.MustCompile(`"email":"([^"]+)"`)

// imported are the addresses in all imports since the requests were reset.
func (k *trial) imported() map[string]bool {
	all := map[string]bool{}
	for _, r := range k.imports() {
		for _, match := range addressPattern.FindAllSubmatch(r.Body, -1) {
			all[string(match[1])] = true
		}
	}
	return all
}

// toSend is who should be sent.
func (k *trial) toSend(now held, everything bool, changed changes) map[string]bool {
	all := map[string]bool{}
	for email := range now.values {
		if !k.optedOut[email] && (everything || changed.added[email] || changed.updated[email]) {
			all[email] = true
		}
	}
	return all
}

// checkCounts compares the counts of a result with what they should be.
func (k *trial) checkCounts(t *testing.T, r *export.Result, now held, everything bool, changed changes) {
	t.Helper()
	var withheld, unchanged, added, updated, refused, untaken int64
	for email := range now.values {
		out := k.optedOut[email]
		if out && !withholdsEverything {
			withheld++
			continue
		}
		switch {
		case everything:
		case changed.added[email]:
			added++
		case changed.updated[email]:
			updated++
		default:
			unchanged++
			continue
		}
		if out {
			withheld++
			continue
		}
		if k.failing[email] {
			refused++
		}
		if k.transient[email] {
			untaken++
		}
	}
	left := int64(len(changed.removed))
	if everything {
		left = 0
	}
	checkSent(t, "run", r, everything, added, updated, unchanged)
	for what, counts := range map[string][2]int64{
		"rows":       {r.Rows, now.rows},
		"duplicates": {r.Duplicates, now.duplicates},
		"rejected":   {r.Rejected.Total, now.rejected},
		"profiles":   {r.Profiles, int64(len(now.values))},
		"withheld":   {r.Withheld, withheld},
		"refused":    {r.Failed(), refused},
		"not taken":  {r.Untaken.Total, untaken},
		"left":       {r.Left, left},
	} {
		if counts[0] != counts[1] {
			t.Errorf("%d %s, want %d", counts[0], what, counts[1])
		}
	}
	if r.Unconfirmed.Total() > 0 && !k.miscounts {
		t.Errorf("%d not confirmed", r.Unconfirmed.Total())
	}
}

// checkList compares the list with what the mode promises.
func (k *trial) checkList(t *testing.T, r *export.Result, before []string, now held, sent map[string]bool, everything bool, changed changes) {
	t.Helper()
	want := map[string]bool{}
	for _, email := range before {
		want[email] = true
	}
	for email := range sent {
		if !k.failing[email] {
			want[email] = true
		}
	}
	for email := range want {
		if k.merges && strings.HasPrefix(email, "stranger") && !k.isProfile(email) {
			delete(want, email) // it is the profile of somebody else now
		}
	}
	leavers := changed.removed
	switch {
	case k.export.Mirror == export.MirrorNone:
		leavers = nil
	case k.export.Mirror == export.MirrorAll:
		leavers = want
	case everything:
		leavers = k.known.keys
	}
	if r.LeaversUnknown {
		k.checkUnknownLeavers(t, want, everything)
		leavers = nil
	}
	removed := int64(0)
	for email := range maps.Clone(leavers) {
		if !now.has(email) && want[email] {
			delete(want, email)
			removed++
		}
	}
	if members := k.MemberEmails(k.listID); !slices.Equal(members, slices.Sorted(maps.Keys(want))) {
		t.Errorf("mirror %d, everything %t: on the list are %v, want %v", k.export.Mirror, everything, without(members, want), without(slices.Sorted(maps.Keys(want)), setOf(members)))
	}
	if r.Removed != removed {
		t.Errorf("%d removed, want %d", r.Removed, removed)
	}
}

// isProfile reports whether a profile has an address as its own, rather than as that of
// a profile that was merged into it.
func (k *trial) isProfile(email string) bool {
	p, ok := k.Profile(email)
	return ok && p.Email == email
}

func setOf(all []string) map[string]bool {
	set := map[string]bool{}
	for _, one := range all {
		set[one] = true
	}
	return set
}

// without is who is in the first and not in the second.
func without(some []string, others map[string]bool) (only []string) {
	for _, one := range some {
		if !others[one] {
			only = append(only, one)
		}
	}
	return only
}

// checkUnknownLeavers makes sure that who left is unknown only where it must be.
func (k *trial) checkUnknownLeavers(t *testing.T, list map[string]bool, everything bool) {
	t.Helper()
	apart := 0
	for email := range list {
		if !k.known.keys[email] {
			apart++
		}
	}
	for email := range k.known.keys {
		if !list[email] {
			apart++
		}
	}
	if k.export.Mirror != export.MirrorExported || !everything || k.known.keys != nil && apart <= smallChanges {
		t.Errorf("who left is not known, although list and export are only %d apart", apart)
	}
}

// checkValues makes sure that Klaviyo has the latest values of everybody in the
// segments whom it takes.
func (k *trial) checkValues(t *testing.T, now held, sent map[string]bool) {
	t.Helper()
	for email := range sent {
		delete(k.known.unsure, email)
	}
	for email, text := range now.texts {
		if k.optedOut[email] || k.failing[email] && sent[email] || k.known.unsure[email] {
			continue
		}
		p, _ := k.Profile(email)
		segments := now.segments[email]
		if k.export.SegmentProperty == "" {
			segments = fmt.Sprint(p.Properties["segments"])
		}
		if p.Properties["text"] != text || fmt.Sprint(p.Properties["segments"]) != segments {
			t.Errorf("%s has %v, want %q and %s", email, p.Properties, text, segments)
		}
	}
}

// checkFailed makes sure that a run that failed has done no harm.
func (k *trial) checkFailed(t *testing.T, before []string, now held) {
	t.Helper()
	was, is := setOf(before), setOf(k.MemberEmails(k.listID))
	for email := range is {
		if !was[email] && (!now.has(email) || k.optedOut[email]) {
			t.Errorf("a run that failed has put %s on the list", email)
		}
	}
	for email := range was {
		gone := !is[email] && (!k.merges || k.isProfile(email))
		if gone && (now.has(email) || k.export.Mirror == export.MirrorNone) {
			t.Errorf("a run that failed has removed %s from the list", email)
		}
	}
}

// keep keeps what the next run needs.
func (k *trial) keep(t *testing.T, r *export.Result, now held, everything bool, changed changes) {
	k.failed = false
	k.kept = kept{acknowledged: encoded(r.Acknowledged), keys: encoded(r.AcknowledgedKeys), ran: true, members: r.ListProfileCount, startedAt: r.StartedAt}
	keysBefore := k.known.keys
	k.known.acknowledged, k.known.keys = nil, nil
	if !k.export.TrackChanges {
		return
	}
	k.known.acknowledged = map[string]string{}
	for email := range changed.rejected {
		if !everything {
			k.known.acknowledged[email] = "other values"
		}
	}
	for email, value := range now.values {
		if k.failing[email] && !k.optedOut[email] {
			switch {
			case everything || changed.added[email]:
				continue
			case changed.updated[email]:
				value = "other values" // it is on the list
			}
		}
		k.known.acknowledged[email] = value
	}
	if k.export.Mirror != export.MirrorNone {
		k.known.keys = map[string]bool{}
		for email := range k.known.acknowledged {
			k.known.keys[email] = true
		}
		if everything && k.export.AcknowledgedKeys != nil {
			k.learnKept(t, r, now, keysBefore)
		}
	}
	if r.Unconfirmed.Total() > 0 {
		k.known.acknowledged = nil
	}
}

// learnKept finds out whom a run that sent everything has kept of those whom the export
// has put on the list before and whom Klaviyo refuses or whose rows are rejected: all of
// the latter, unless too many people have changed.
func (k *trial) learnKept(t *testing.T, r *export.Result, now held, before map[string]bool) {
	t.Helper()
	rest := sketch.NewLike(r.AcknowledgedKeys)
	key := func(email string) uint64 { return pipeline.KeyOf(rest, profile.HashOfAddress(email).Lo) }
	for email := range k.known.keys {
		rest.Add(key(email), 0)
	}
	rest, err := r.AcknowledgedKeys.Subtract(rest)
	if err != nil {
		t.Fatal(err)
	}
	came, gone, ok := rest.Peel()
	put, apart := map[uint64]string{}, 0
	for _, email := range slices.Concat(slices.Collect(maps.Keys(now.values)), slices.Collect(maps.Keys(now.unsent))) {
		switch {
		case !before[email]:
			apart++
		case !k.known.keys[email]:
			put[key(email)] = email
		}
	}
	for email := range before {
		if !now.has(email) {
			apart++
		}
	}
	if !ok || len(gone) > 0 {
		t.Errorf("%d are not kept", len(gone))
	}
	for _, e := range came {
		email, ok := put[e.Key]
		if !ok {
			t.Error("somebody else is kept")
		}
		k.known.acknowledged[email], k.known.keys[email] = "other values", true
	}
	for email := range now.unsent {
		if before[email] && !k.known.keys[email] && apart <= smallChanges {
			t.Errorf("%s is not kept", email)
		}
	}
}
