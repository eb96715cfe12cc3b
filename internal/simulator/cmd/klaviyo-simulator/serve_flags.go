package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Clearly no real key, yet of the form that clients check for.
const defaultKey = "pk_simulator_not_a_real_key"

type serveFlags struct {
	address, key, listID, listName, readyFile string
	rateLimits, log, control                  bool
	globalUnsubscribe                         bool
	queueDelay, processDelay                  time.Duration
	cancelled                                 int
	scopes                                    []string
	faults                                    []simulator.Fault
	setup                                     []setup
}

// setup is a step that prepares a server. Steps of earlier stages come first.
type setup struct {
	stage stage
	do    func(*simulator.Server) error
}

type stage int

// Lists belong to accounts, and what happened to people belongs to lists.
const (
	accounts stage = iota
	lists
	people
)

func (f *serveFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.address, "addr", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 means any free port")
	flags.StringVar(&f.readyFile, "ready-file", "", "`FILE` to write when the simulator is ready: JSON with url, api_key and list_id")
	flags.StringVar(&f.key, "key", defaultKey, "valid private API `KEY`")
	flags.Func("scopes", "scopes of -key, as `SCOPE,SCOPE`; by default all", f.setScopes)
	flags.StringVar(&f.listID, "list-id", "DemoVP", "`ID` of the default list: 6 letters or digits")
	flags.StringVar(&f.listName, "list-name", "VIP customers", "`NAME` of the default list")
	flags.Func("add-key", "add a valid key with these scopes: `KEY=SCOPE,SCOPE` (repeatable)", f.addKey)
	flags.Func("add-account", "add an account with this key: `ID=KEY` (repeatable)", f.addAccount)
	flags.Func("add-list", "add a list: `[ACCOUNT/]ID=NAME` (repeatable)", f.addList)
	flags.Func("live-flow", "add a live flow that starts when a profile joins the list: `LIST=NAME` (repeatable)", f.addFlow)
	flags.Func("member", "add a member to a list: `[LIST=]EMAIL` (repeatable)", f.onPerson(func(s *simulator.Server, list, email string) {
		s.AddMembers(list, email)
	}))
	flags.Func("unsubscribed", "unsubscribe a person from a list: `[LIST=]EMAIL` (repeatable)", f.onPerson((*simulator.Server).Unsubscribe))
	flags.Func("opted-out", "unsubscribe a person from everything: `EMAIL` (repeatable)", f.optOut)
	flags.BoolVar(&f.globalUnsubscribe, "global-unsubscribe", false, "let a person who unsubscribes from a list be unsubscribed from everything, which is Klaviyo's default")
	flags.Func("fault", "make requests go wrong: `TROUBLE:OPERATION[:COUNT][@FROM]`, such as 503:bulk_import_profiles:2; see help faults (repeatable)", f.addFault)
	flags.BoolVar(&f.rateLimits, "rate-limits", true, "apply Klaviyo's rate limits")
	flags.DurationVar(&f.queueDelay, "queue-delay", 0, "`TIME` that an import job stays queued, such as 5s")
	flags.DurationVar(&f.processDelay, "process-delay", 0, "`TIME` that it takes to process an import job, such as 5s")
	flags.IntVar(&f.cancelled, "cancel-jobs", 0, "let the first `COUNT` import jobs end as cancelled")
	flags.Func("refuse-email", "refuse each import request that contains the address, as Klaviyo does with an invalid address: `ADDRESS=CODE:DETAIL` (repeatable)",
		f.onRow((*simulator.Server).RefuseEmail))
	flags.Func("fail-email", "accept the import request, but let the profile with the address fail in the job: `ADDRESS=CODE:DETAIL` (repeatable)",
		f.onRow((*simulator.Server).FailEmail))
	flags.Func("fail-for-now", "let every Nth profile fail in its first TIMES jobs, and be imported by the next one: `N:TIMES`", f.failForNow)
	flags.BoolVar(&f.control, "control", true, "serve the control endpoint at /control/, for programs on this machine only; see help control")
	flags.BoolVar(&f.log, "log", false, "log requests to stderr, without keys and addresses")
}

func parseServe(args []string, stderr io.Writer) (*serveFlags, error) {
	f := &serveFlags{}
	flags := newFlags("serve")
	f.register(flags)
	if err := parse(flags, "serve", args, stderr); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := checkListID(f.listID); err != nil {
		return nil, fmt.Errorf("-list-id: %w", err)
	}
	if f.cancelled < 0 {
		return nil, fmt.Errorf("-cancel-jobs %d is below 0", f.cancelled)
	}
	slices.SortStableFunc(f.setup, func(a, b setup) int { return int(a.stage - b.stage) })
	return f, nil
}

// prepare sets a server up as the flags say.
func (f *serveFlags) prepare(s *simulator.Server) error {
	s.AddKey(f.key, f.scopes...)
	s.AddList(simulator.List{ID: f.listID, Name: f.listName})
	s.CancelJobs(f.cancelled)
	for _, one := range f.setup {
		if err := one.do(s); err != nil {
			return err
		}
	}
	for _, fault := range f.faults {
		s.Inject(fault)
	}
	return nil
}

func (f *serveFlags) later(at stage, do func(*simulator.Server) error) {
	f.setup = append(f.setup, setup{at, do})
}

func checkListID(id string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9]{6}$`).MatchString(id) {
		return fmt.Errorf("%q is not an ID of 6 letters or digits", id)
	}
	return nil
}

func parseScopes(text string) ([]string, error) {
	scopes := strings.Split(text, ",")
	for _, scope := range scopes {
		if !slices.Contains(simulator.AllScopes, scope) {
			return nil, fmt.Errorf("there is no scope %q; the scopes are %s", scope, strings.Join(simulator.AllScopes, ", "))
		}
	}
	return scopes, nil
}

func (f *serveFlags) setScopes(text string) (err error) {
	f.scopes, err = parseScopes(text)
	return err
}

func (f *serveFlags) addKey(text string) error {
	key, list, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("its form is KEY=SCOPE,SCOPE")
	}
	scopes, err := parseScopes(list)
	f.later(accounts, func(s *simulator.Server) error {
		s.AddKey(key, scopes...)
		return nil
	})
	return err
}

func (f *serveFlags) addAccount(text string) error {
	id, key, ok := strings.Cut(text, "=")
	if !ok || id == "" || key == "" {
		return errors.New("its form is ID=KEY")
	}
	f.later(accounts, func(s *simulator.Server) error {
		if s.HasAccount(id) {
			return fmt.Errorf("-add-account: the account %q already exists", id)
		}
		s.AddAccount(simulator.Account{ID: id, GlobalUnsubscribe: f.globalUnsubscribe})
		s.AddKeyFor(id, key)
		return nil
	})
	return nil
}

func (f *serveFlags) addList(text string) error {
	where, name, ok := strings.Cut(text, "=")
	account, id, inAccount := strings.Cut(where, "/")
	if !inAccount {
		account, id = "", where
	}
	if !ok || name == "" || inAccount && account == "" {
		return errors.New("its form is [ACCOUNT/]ID=NAME")
	}
	if err := checkListID(id); err != nil {
		return err
	}
	f.later(lists, func(s *simulator.Server) error {
		switch {
		case s.HasList(id):
			return fmt.Errorf("-add-list: the list %q already exists", id)
		case account == "":
			s.AddList(simulator.List{ID: id, Name: name})
		case s.HasAccount(account):
			s.AddListFor(account, simulator.List{ID: id, Name: name})
		default:
			return fmt.Errorf("-add-list: there is no account %q; add it with -add-account", account)
		}
		return nil
	})
	return nil
}

// onList does something with a list once all lists are there. An empty id is the list
// of -list-id.
func (f *serveFlags) onList(id string, do func(s *simulator.Server, list string)) {
	f.later(people, func(s *simulator.Server) error {
		list := cmp.Or(id, f.listID)
		if !s.HasList(list) {
			return fmt.Errorf("there is no list %q; add it with -add-list", list)
		}
		do(s, list)
		return nil
	})
}

func (f *serveFlags) addFlow(text string) error {
	list, name, ok := strings.Cut(text, "=")
	if !ok || list == "" || name == "" {
		return errors.New("its form is LIST=NAME")
	}
	f.onList(list, func(s *simulator.Server, list string) { s.AddFlow(list, simulator.Flow{Name: name, Status: "live"}) })
	return nil
}

// onPerson reads [LIST=]EMAIL.
func (f *serveFlags) onPerson(do func(s *simulator.Server, list, email string)) func(string) error {
	return func(text string) error {
		list, email, given := strings.Cut(text, "=")
		if !given {
			list, email = "", text
		}
		if !strings.Contains(email, "@") {
			return errors.New("its form is [LIST=]EMAIL")
		}
		f.onList(list, func(s *simulator.Server, list string) { do(s, list, email) })
		return nil
	}
}

func (f *serveFlags) optOut(email string) error {
	if !strings.Contains(email, "@") {
		return errors.New("it is not an email address")
	}
	f.later(people, func(s *simulator.Server) error {
		s.SuppressEverything(email, "UNSUBSCRIBE")
		return nil
	})
	return nil
}

func (f *serveFlags) addFault(text string) error {
	fault, err := simulator.ParseFault(text)
	f.faults = append(f.faults, fault)
	return err
}

// onRow reads ADDRESS=CODE:DETAIL: the code and the text of the error that Klaviyo
// gives for the row.
func (f *serveFlags) onRow(do func(s *simulator.Server, email, code, detail string)) func(string) error {
	return func(text string) error {
		email, reason, ok := strings.Cut(text, "=")
		code, detail, ok2 := strings.Cut(reason, ":")
		if !ok || !ok2 || email == "" || code == "" {
			return errors.New("its form is ADDRESS=CODE:DETAIL, such as bad@example.com=invalid:Not deliverable; CODE and DETAIL are the code and the text of Klaviyo's error")
		}
		f.later(people, func(s *simulator.Server) error {
			do(s, email, code, detail)
			return nil
		})
		return nil
	}
}

func (f *serveFlags) failForNow(text string) error {
	n, times, ok := strings.Cut(text, ":")
	oneIn, err := strconv.Atoi(n)
	count, err2 := strconv.Atoi(times)
	if !ok || err != nil || err2 != nil || oneIn < 1 || count < 1 {
		return errors.New("its form is N:TIMES, with numbers of at least 1")
	}
	f.later(people, func(s *simulator.Server) error {
		s.FailForNow(oneIn, count)
		return nil
	})
	return nil
}
