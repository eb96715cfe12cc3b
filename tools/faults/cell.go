package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// mode is a way to export.
type mode string

const (
	upsert  mode = "upsert"
	mirror  mode = "mirror"
	consent mode = "consent" // an upsert with marketing_consent
)

var modes = []mode{upsert, mirror, consent}

func modeNames() []string {
	var names []string
	for _, m := range modes {
		names = append(names, string(m))
	}
	return names
}

// request is the kind of request that only this mode makes, and that faults of single
// requests are for: imports, removals, subscriptions.
func (m mode) request() (method, pattern string) {
	switch m {
	case mirror:
		return http.MethodDelete, "/api/lists/*/relationships/profiles"
	case consent:
		return http.MethodPost, "/api/profile-subscription-bulk-create-jobs"
	default:
		return http.MethodPost, "/api/profile-bulk-import-jobs"
	}
}

// The key of the account, which is not one of Klaviyo's.
const key = "pk_faults_not_a_real_key"

// cell is a fault in a mode.
type cell struct {
	fault *fault
	mode  mode

	seen, next string   // in words
	broken     []string // promises
	log        string   // of Terraform
}

func (c *cell) kept() bool { return c.broken == nil && c.seen != "" }

func (c *cell) verdict() string {
	if c.kept() {
		return "as promised"
	}
	return "NOT AS PROMISED: " + strings.Join(c.broken, "; ")
}

func (c *cell) promise() promise {
	if p, ok := c.fault.except[c.mode]; ok {
		return p
	}
	return c.fault.promise
}

func (c *cell) breaks(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// play exports a segment, changes it, exports again with the fault, and once more
// without.
func (c *cell) play(ctx context.Context, terraform, shared, dir string) {
	w, err := newWorld(c, terraform, shared, dir)
	if err != nil {
		c.breaks("the cell cannot be played: %s", err)
		return
	}
	defer w.close()
	for _, step := range []func(context.Context) error{w.first, w.faulty, w.healed} {
		if err := step(ctx); err != nil {
			c.breaks("%s", err)
			break
		}
	}
	c.log = w.terraform.log.String()
}

// world is what a cell is played in.
type world struct {
	*simulator.Server
	cell      *cell
	dir       string
	shared    string // folder of what all cells use
	source    *source
	terraform *terraform

	before, people []person // of the segment
	listID         string
	last           lastRun
	matches        atomic.Int32 // requests of the mode since the fault was armed
	half           atomic.Bool  // half-way was reached
	halfway        bool         // the fault happens then
}

func newWorld(c *cell, path, shared, dir string) (*world, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	klaviyo, err := simulator.Start(simulator.Options{})
	if err != nil {
		return nil, err
	}
	klaviyo.AddKey(key)
	w := &world{Server: klaviyo, cell: c, dir: dir, shared: shared, source: newSource(), terraform: newTerraform(path, dir, klaviyo.URL)}
	w.terraform.cli = filepath.Join(shared, usual)
	return w, nil
}

func (w *world) close() {
	w.source.server.Close()
	w.Server.Close()
	_ = os.RemoveAll(w.dir)
}

// first exports the segment as it is before.
func (w *world) first(ctx context.Context) error {
	if err := w.set(firstSegment()); err != nil {
		return err
	}
	if err := w.configure("", ""); err != nil {
		return err
	}
	r, err := w.terraform.run(ctx, "apply", "-auto-approve", "-input=false", "-json")
	if err != nil {
		return err
	}
	if r.code != 0 {
		return fmt.Errorf("the first apply fails: %s", r.errors())
	}
	out, err := w.terraform.read(ctx)
	if err != nil {
		return err
	}
	w.listID = out.listID
	if problem := w.compare(); problem != "" {
		return fmt.Errorf("the first apply: %s", problem)
	}
	return nil
}

// faulty exports the changed segment with the fault.
func (w *world) faulty(ctx context.Context) error {
	c, f := w.cell, w.cell.fault
	w.before = w.people
	if err := w.set(secondSegment(w.people, c.mode)); err != nil {
		return err
	}
	if err := w.configure(f.provider, f.export); err != nil {
		return err
	}
	apply := []string{"apply", "-auto-approve", "-input=false", "-json"}
	if f.remote { // the plan reads the segment, too
		r, err := w.terraform.run(ctx, "plan", "-out=planned", "-input=false", "-json")
		if err != nil {
			return err
		}
		if r.code != 0 {
			return fmt.Errorf("the plan fails: %s", r.errors())
		}
		apply = append(apply, "planned")
	}
	w.ResetRequests()
	f.arm(w)
	r, err := w.terraform.run(ctx, apply...)
	if err != nil {
		return err
	}
	p := c.promise()
	if r.code != 0 {
		c.seen = fmt.Sprintf("fails, says %q", r.errors())
	} else {
		out, err := w.terraform.read(ctx)
		if err != nil {
			return err
		}
		c.seen = out.lastRun.Status
		w.last = out.lastRun
		if p.fails == "" && out.lastRun.Status != p.status {
			c.breaks("the run ends %s", out.lastRun.Status)
		}
		if problem := w.compare(); p.fails == "" && p.status == succeeded && !p.stale && problem != "" {
			c.breaks("the run succeeds, but %s", problem)
		}
	}
	c.check(p, r)
	w.checkStruck()
	if problem := w.harm(); problem != "" {
		c.breaks("%s", problem)
	}
	return nil
}

// check compares what Terraform says with what is promised.
func (c *cell) check(p promise, r result) {
	switch {
	case (p.fails != "") != (r.code != 0):
		c.breaks("the apply ends with %d", r.code)
	case p.fails == "" && p.warns == "":
	default:
		severity, summary := "error", p.fails
		if p.fails == "" {
			severity, summary = "warning", p.warns
		}
		d, found := r.find(severity, summary)
		if !found {
			c.breaks("no %s %q", severity, summary)
			return
		}
		for _, words := range p.words {
			if !strings.Contains(d.Detail, words) {
				c.breaks("the %s does not say %q", severity, words)
			}
		}
	}
}

// checkStruck makes sure that the fault has happened.
func (w *world) checkStruck() {
	if pending := w.Pending(); len(pending) > 0 {
		w.cell.breaks("the fault did not happen: %d requests that it is for were not made", len(pending))
	}
	if w.halfway && !w.half.Load() {
		w.cell.breaks("the fault did not happen: half-way was not reached")
	}
	if w.cell.fault.remote && !w.source.struck() {
		w.cell.breaks("the fault did not happen: the source was not read again")
	}
	if struck := w.cell.fault.struck; struck != nil && !struck(w) {
		w.cell.breaks("the fault did not happen")
	}
}

// healed exports the segment once the fault has gone.
func (w *world) healed(ctx context.Context) error {
	c, f := w.cell, w.cell.fault
	w.ClearFaults()
	w.source.arm(0, nil)
	w.terraform.cli = filepath.Join(w.shared, usual)
	if f.disarm != nil {
		f.disarm(w)
	}
	if err := w.set(w.people); err != nil {
		return err
	}
	if err := w.configure("", ""); err != nil {
		return err
	}
	r, err := w.terraform.run(ctx, "apply", "-auto-approve", "-input=false", "-json")
	if err != nil {
		return err
	}
	if r.code != 0 {
		c.next = "apply fails"
		return fmt.Errorf("the next apply fails: %s", r.errors())
	}
	out, err := w.terraform.read(ctx)
	if err != nil {
		return err
	}
	w.listID = out.listID
	if c.next = w.compare(); c.next != "" {
		return fmt.Errorf("after the next apply: %s", c.next)
	}
	r, err = w.terraform.run(ctx, "plan", "-detailed-exitcode", "-input=false", "-json")
	if err != nil {
		return err
	}
	if r.code != 0 {
		c.next = "right, but the next plan is not empty"
		return fmt.Errorf("the plan after the next apply ends with %d: %s", r.code, r.errors())
	}
	c.next = w.found()
	return nil
}

// set replaces the segment.
func (w *world) set(all []person) error {
	w.people = all
	content := csvOf(all)
	w.source.set(content)
	return os.WriteFile(filepath.Join(w.dir, "vip.csv"), content, 0o600)
}

// configure writes the configuration, with more arguments in the provider block and in
// that of the export.
func (w *world) configure(provider, export string) error {
	segment := filepath.Join(w.dir, "vip.csv")
	if w.cell.fault.remote {
		segment = w.source.url()
	}
	switch w.cell.mode {
	case mirror:
		export += "\n  sync_mode = \"mirror\""
	case consent:
		export += "\n  marketing_consent {\n    consent_field      = \"Accepts Marketing\"\n    consented_at_field = \"Since\"\n  }"
	}
	return w.terraform.write("main.tf", fmt.Sprintf(configuration, provider, segment, export))
}

const configuration = `terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

provider "klaviyo" {
  %s
}

resource "klaviyo_connection" "main" {
  display_name         = "Main"
  data_privacy_consent = true
}

resource "klaviyo_list" "vip" {
  name           = "VIP"
  opt_in_process = "single_opt_in"
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP to Klaviyo"
  destination  = klaviyo_connection.main
  list_id      = klaviyo_list.vip.id
  rejects_path = "rejects.csv"

  segment {
    name = "vip"
    file {
      path = %q
    }
  }

  data_matching {
    email = "EMail"
  }

  attributes {
    first_name = "FirstName"
  }

  properties = {
    note = "Note"
  }
  %s
}

output "list_id" {
  value = klaviyo_list.vip.id
}

output "last_run" {
  value = klaviyo_segment_export.vip.last_run
}
`

// onHalfway has something happen before the second of the mode's own requests is
// answered.
func (w *world) onHalfway(happens func()) {
	method, pattern := w.cell.mode.request()
	w.halfway = true
	w.OnRequest(func(r *http.Request) {
		matched, err := path.Match(pattern, r.URL.Path)
		if err == nil && matched && r.Method == method && w.matches.Add(1) == 2 {
			happens()
			w.half.Store(true)
		}
	})
}

// inject lets the mode's own requests go wrong.
func (w *world) inject(f simulator.Fault) {
	f.Method, f.Path = w.cell.mode.request()
	w.Inject(f)
}

// imports are how many imports were sent since the segment changed.
func (w *world) imports() (n int) {
	method, pattern := upsert.request()
	for _, r := range w.Requests() {
		if r.Method == method && r.Path == pattern {
			n++
		}
	}
	return n
}
