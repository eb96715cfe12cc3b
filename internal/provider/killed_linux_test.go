package provider

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// envKillSeeds is which seeds TestAccKilled runs: "7", or "1-40".
const envKillSeeds = "KILL_SEEDS"

// killSeeds are the seeds of TestAccKilled.
func killSeeds(t *testing.T) (seeds []uint64) {
	t.Helper()
	first, last, isRange := strings.Cut(os.Getenv(envKillSeeds), "-")
	if first == "" {
		return []uint64{1}
	}
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", envKillSeeds, err)
	}
	to, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", envKillSeeds, err)
	}
	for seed := from; seed <= to; seed++ {
		seeds = append(seeds, seed)
	}
	return seeds
}

// interruption is a way in which an apply ends before its time.
type interruption string

const (
	providerKilled   interruption = "the provider is killed"
	terraformKilled  interruption = "Terraform is killed"
	interruptedOnce  interruption = "Terraform is interrupted"
	interruptedTwice interruption = "Terraform is interrupted twice"
)

// kills reports whether the apply ends without a word. Terraform that is interrupted
// twice kills the provider.
func (i interruption) kills() bool { return i != interruptedOnce }

// strike interrupts Terraform.
func (i interruption) strike(p *process) {
	switch i {
	case providerKilled:
		p.killProvider()
	case terraformKilled:
		_ = p.command.Process.Kill()
	default:
		p.interrupt()
	}
	if i == interruptedTwice {
		p.until("Terraform has seen the interrupt", func() bool { return strings.Contains(p.out.String(), "Interrupt received") })
		p.interrupt()
	}
}

// moment is when an apply is interrupted.
type moment struct {
	anchor string // the method of the request from which requests are counted; "" is any
	after  int    // requests of the apply from there
}

func (m moment) String() string {
	if m.anchor == "" {
		return fmt.Sprintf("at request %d", m.after+1)
	}
	return fmt.Sprintf("%d requests after the first %s", m.after, m.anchor)
}

// An apply may be interrupted at any request, in any way. The next one puts
// everything right, and nothing half-written is left.
func TestAccKilled(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"upsert", "mirror", "consent"} {
		for _, seed := range killSeeds(t) {
			t.Run(fmt.Sprintf("%s, seed %d", mode, seed), func(t *testing.T) {
				t.Parallel()
				newKillTrial(t, mode, seed).run()
			})
		}
	}
}

// killTrial is an export whose applies are interrupted, and what should become of it.
type killTrial struct {
	*env
	c      *cli
	random *rand.Rand
	mode   string
	scope  string // of the mirror

	rejects   string      // the folder of the rejects file
	temporary string      // the folder for temporary files
	versions  map[int]int // of everybody in the segment
	next      int         // the number of the next person who is new
	strangers []string
	optedOut  map[string]bool
	consented map[string]bool // everybody who has ever said yes

	mu     sync.Mutex
	under  *process // the apply that is to be interrupted
	how    interruption
	when   moment
	passed int // requests since the anchor; 0 before it
	struck sync.WaitGroup
}

const killTrialPeople = 12_000

func newKillTrial(t *testing.T, mode string, seed uint64) *killTrial {
	t.Helper()
	w := newEnvWith(t, simulator.Options{QueueDelay: 20 * time.Millisecond, ProcessDelay: 20 * time.Millisecond})
	k := &killTrial{
		env: w, random: rand.New(rand.NewPCG(seed, 24)), mode: mode, scope: "exported",
		rejects: t.TempDir(), temporary: t.TempDir(), versions: map[int]int{}, optedOut: map[string]bool{}, consented: map[string]bool{},
	}
	config := w.export("").with(exportBlock, "rejects_path", fmt.Sprintf("%q", filepath.Join(k.rejects, "rejects.csv")))
	if mode == "mirror" {
		if k.random.IntN(3) == 0 {
			k.scope = "all"
		}
		config = config.with(exportBlock, "sync_mode", `"mirror"`).with(exportBlock, "removal_scope", fmt.Sprintf("%q", k.scope)).
			with(exportBlock, "safeguards", "{ max_removed_percent = 100 }")
	}
	if mode == "consent" {
		k.list = k.AddList(simulator.List{Name: "Newsletter", OptInProcess: singleOptIn})
		config = config.with(exportBlock, "list_id", fmt.Sprintf("%q", k.list.ID)).
			with(exportBlock, "marketing_consent", block(`channels = ["email"]`, `consent_field = "Says"`))
	}
	k.c = newCLI(t, config, "TMPDIR="+k.temporary)
	k.strangers = []string{"yan@example.com", "zed@example.com"}
	k.AddMembers(k.list.ID, k.strangers...)
	k.add(killTrialPeople)
	k.writeSegment()
	w.OnRequest(k.count)
	return k
}

func (k *killTrial) run() {
	ways := []interruption{providerKilled, terraformKilled, interruptedOnce, interruptedTwice}
	first := ways[k.random.IntN(len(ways))]
	k.random.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
	for round, how := range []interruption{first, ways[0], ways[1]} {
		before := maps.Clone(k.versions)
		if round > 0 {
			k.optOut(5)
			k.edit()
		}
		k.applyInterrupted(how)
		if !eventually(func() bool { return !k.Busy() }) { // or a job puts back who opts out now
			k.t.Error("Klaviyo has not finished")
		}
		k.optOut(5)
		if round > 0 || k.mode != "mirror" { // nothing is recorded of a first run that fails
			k.moveOn(how, before)
		}
		k.recover(how)
		k.check()
		if k.t.Failed() {
			k.t.Logf("that was round %d, in which %s %s", round, how, k.when)
			return
		}
	}
}

// moveOn changes the segment once more after an apply that was interrupted, or puts it
// back to what it was before, as far as the export promises to follow.
func (k *killTrial) moveOn(how interruption, before map[int]int) {
	k.t.Helper()
	forgotten := how.kills() // what was sent
	if how == providerKilled {
		forgotten = k.mode != "upsert"
	}
	switch {
	case forgotten:
	case k.random.IntN(3) == 0:
		k.edit()
	case k.random.IntN(2) == 0:
		k.versions = before
		k.writeSegment()
	}
}

// add has new people in the segment.
func (k *killTrial) add(n int) {
	for range n {
		k.versions[k.next] = 0
		k.next++
	}
}

// edit changes the segment, sometimes a little and sometimes much.
func (k *killTrial) edit() {
	changed, others := 20+k.random.IntN(200), 20+k.random.IntN(100) // so few leave that a mirror finds them in any case
	if k.random.IntN(2) == 0 {
		changed *= 20
	}
	numbers := slices.Sorted(maps.Keys(k.versions))
	k.random.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	for _, number := range numbers[:changed] {
		k.versions[number]++
	}
	for _, number := range numbers[changed : changed+others] {
		delete(k.versions, number)
	}
	k.add(2 * others)
	k.writeSegment()
}

func emailOf(number int) string { return fmt.Sprintf("p%d@example.com", number) }

// saysYes reports whether somebody gives consent; some of those who change take it back.
func (k *killTrial) saysYes(number int) bool { return (number+k.versions[number])%4 > 0 }

// writeSegment writes the segment, with one row that is rejected.
func (k *killTrial) writeSegment() {
	var rows strings.Builder
	rows.WriteString("EMail,FirstName,Says\nnobody,Nobody,no\n")
	for _, number := range slices.Sorted(maps.Keys(k.versions)) {
		says := "no"
		if k.saysYes(number) {
			says = "yes"
			k.consented[emailOf(number)] = true
		}
		fmt.Fprintf(&rows, "%s,V%d,%s\n", emailOf(number), k.versions[number], says)
	}
	k.segment(rows.String())
}

// optOut has some members unsubscribe.
func (k *killTrial) optOut(n int) {
	members := k.MemberEmails(k.list.ID)
	for range n {
		if len(members) == 0 {
			return
		}
		email := members[k.random.IntN(len(members))]
		if !slices.Contains(k.strangers, email) {
			k.Unsubscribe(k.list.ID, email)
			k.optedOut[email] = true
		}
	}
}

// applyInterrupted begins an apply and interrupts it at a random request.
func (k *killTrial) applyInterrupted(how interruption) {
	k.t.Helper()
	k.mu.Lock()
	k.how, k.passed = how, 0
	switch anchor := k.random.IntN(3); {
	case anchor == 0:
		k.when = moment{"", k.random.IntN(20)}
	case anchor == 1 && k.mode == "mirror":
		k.when = moment{http.MethodDelete, k.random.IntN(2)}
	default:
		k.when = moment{http.MethodPost, k.random.IntN(5)}
	}
	k.under = k.c.start(append([]string{"apply", "-auto-approve"}, quiet...)...)
	under := k.under
	k.mu.Unlock()
	out, err := under.wait()
	k.mu.Lock()
	hit := k.under == nil
	k.under = nil
	k.mu.Unlock()
	k.struck.Wait()
	k.t.Logf("%s %s: struck %v, %v", how, k.when, hit, err)
	switch {
	case !hit && err != nil:
		k.t.Fatalf("the apply failed before it was interrupted: %v\n%s", err, out)
	case (how == providerKilled || how == terraformKilled) && hit && err == nil:
		k.t.Errorf("the apply succeeded although %s %s\n%s", how, k.when, out)
	}
	k.c.wantNoProvider()
	k.wantRejects()
	if !how.kills() {
		wantFiles(k.t, k.rejects, "rejects.csv")
	}
}

// count counts a request of the apply that is to be interrupted, and interrupts it.
func (k *killTrial) count(r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.under == nil || k.passed == 0 && k.when.anchor != "" && r.Method != k.when.anchor {
		return
	}
	if k.passed++; k.passed <= k.when.after {
		return
	}
	p, how := k.under, k.how
	k.under = nil
	if how == providerKilled { // before this request is answered
		how.strike(p)
		return
	}
	k.struck.Go(func() { how.strike(p) })
}

// recover does what a user has to do after an apply that was interrupted: apply again. If
// the plan says that a mirror does not know its own people any more, the state from before
// is put back first.
func (k *killTrial) recover(how interruption) {
	k.t.Helper()
	if how == providerKilled {
		plan, err := k.c.try(append([]string{"plan"}, quiet...)...)
		if err != nil {
			k.t.Fatalf("the plan after it fails: %v\n%s", err, plan)
		}
		if strings.Contains(plan, "Not Known Whom The Export Put") {
			k.c.run("", "state", "push", "-force", "terraform.tfstate.backup")
		}
	}
	out, err := k.c.try(append([]string{"apply", "-auto-approve"}, quiet...)...)
	if err != nil {
		k.t.Fatalf("the next apply fails: %v\n%s", err, out)
	}
	k.c.terraformRun("No changes", "plan", "-detailed-exitcode")
	k.c.wantNoProvider()
	wantFiles(k.t, k.rejects, "rejects.csv")
	k.wantRejects()
	wantFiles(k.t, k.c.dir, "main.tf", "terraform.tfstate", "terraform.tfstate.backup")
	k.wantOnlySockets()
}

// wantOnlySockets checks that there are no temporary files. A provider that is killed
// leaves the socket on which it has served Terraform.
func (k *killTrial) wantOnlySockets() {
	k.t.Helper()
	entries, err := os.ReadDir(k.temporary)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Type() != fs.ModeSocket {
			k.t.Errorf("%s is left among the temporary files", entry.Name())
		}
	}
}

// wantRejects checks that the rejects file is a whole one, if there is any.
func (k *killTrial) wantRejects() {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.rejects, "rejects.csv"))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		k.t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "segment,row,reason,code,file,line\nvip,1,") || !strings.HasSuffix(string(text), "\n") {
		k.t.Errorf("the rejects file is %q", text)
	}
}

// check compares the list with the segment.
func (k *killTrial) check() {
	k.t.Helper()
	names := map[string]any{}
	for _, member := range k.Members(k.list.ID) {
		names[member.Email] = member.Attributes["first_name"]
	}
	faults := map[string][]string{}
	note := func(fault, email string) { faults[fault] = append(faults[fault], email) }
	for number, version := range k.versions {
		email := emailOf(number)
		name, member := names[email]
		delete(names, email)
		switch {
		case k.optedOut[email] && member:
			note("on the list although they opted out", email)
		case k.optedOut[email]:
		case !member:
			note("missing on the list", email)
		case name != fmt.Sprint("V", version):
			note("on the list with other values", email)
		}
	}
	if k.mode == "consent" {
		k.checkConsents(note)
	}
	for _, email := range k.strangers {
		if _, member := names[email]; member != (k.scope != "all") {
			note("strangers with the wrong membership", email)
		}
		delete(names, email)
	}
	for email := range names {
		if k.mode == "mirror" {
			note("on the list who left", email)
		} else if k.optedOut[email] {
			note("on the list although they opted out", email)
		}
	}
	for fault, emails := range faults {
		slices.Sort(emails)
		k.t.Errorf("%d people are %s: %s", len(emails), fault, emails[:min(len(emails), 5)])
	}
}

// checkConsents compares who is subscribed with who has given consent.
func (k *killTrial) checkConsents(note func(fault, email string)) {
	subscribed := map[string]bool{}
	for _, email := range k.Subscribed("email") {
		subscribed[email] = true
		if !k.consented[email] {
			note("subscribed without consent", email)
		}
	}
	for number := range k.versions {
		if email := emailOf(number); k.saysYes(number) && !k.optedOut[email] && !subscribed[email] {
			note("not subscribed although they consent", email)
		}
	}
}

// What a killed run has sent is put right even if the segment is again what it was, and
// the plan says so. A mirror says that it does not know its own people any more.
func TestAccKilled_segmentThatWentBack(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.mirroring(peopleRows(0, 300)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(peopleHeader + strings.Replace(peopleRows(0, 300), "p7@example.com,P7\n", "p7@example.com,Other\n", 1))
	var once sync.Once
	started := make(chan *process, 1)
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == importsPath && w.sent("POST", importsPath) == 2 {
			once.Do(func() { (<-started).killProvider() })
		}
	})
	p := c.start(append([]string{"apply", "-auto-approve"}, quiet...)...)
	started <- p
	if out, err := p.wait(); err == nil {
		t.Fatalf("the apply succeeded:\n%s", out)
	}
	w.wantFirstName("p7@example.com", "Other")
	w.segment(peopleHeader + peopleRows(0, 300))
	c.terraformRun("Not Known Whom The Export Put On The List: VIP customers to Klaviyo", "plan")
	c.terraformRun(`"first run" -> "everything is sent: a run was killed, which may have sent profiles`, "apply", "-auto-approve")
	w.wantFirstName("p7@example.com", "P7")
	c.run(`status = "partial"`, "show", "-no-color")
	c.terraformRun("No changes", "plan")
}
