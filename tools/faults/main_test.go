package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"strings"
	"testing"
	"time"
)

// A fault in the middle of an apply has a middle only if each mode makes two requests of
// its own or more.
func TestSegmentsNeedSeveralRequests(t *testing.T) {
	t.Parallel()
	const importSize, importProfiles, requestSize = 5_000_000, 10_000, 1000
	first := firstSegment()
	for _, m := range modes {
		before, consented := map[string]person{}, 0
		for _, p := range first {
			before[p.email] = p
		}
		second := secondSegment(first, m)
		size := 0
		for _, p := range second {
			if old, known := before[p.email]; !known || old != p {
				size += len(p.note)
				if p.consents && !old.consents {
					consented++
				}
			}
			delete(before, p.email)
		}
		switch {
		case size <= importSize:
			t.Errorf("%s: what changes has %d bytes, which fit into one import", m, size)
		case m == mirror && len(before) <= requestSize:
			t.Errorf("%s: %d people leave", m, len(before))
		case m == consent && consented <= requestSize:
			t.Errorf("%s: %d people newly consent", m, consented)
		}
		rows, err := csv.NewReader(bytes.NewReader(csvOf(second))).ReadAll()
		if err != nil || len(rows) != 1+badRows+len(second) || len(second) <= importProfiles {
			t.Errorf("%s: %d rows of %d people, %v", m, len(rows), len(second), err)
		}
	}
}

func TestFaultsPromiseSomething(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range faults {
		if names[f.name] {
			t.Errorf("two faults are called %s", f.name)
		}
		names[f.name] = true
		for _, m := range modes {
			p := (&cell{fault: &f, mode: m}).promise()
			if (p.fails == "") == (p.status == "") || p.then == "" {
				t.Errorf("%s, %s: promise %+v", f.name, m, p)
			}
		}
	}
}

func TestReportCountsBrokenPromises(t *testing.T) {
	t.Parallel()
	kept := &cell{fault: &faults[0], mode: upsert, seen: succeeded, next: "right"}
	broken := &cell{fault: &faults[1], mode: mirror, seen: partial, broken: []string{"the run ends partial"}, log: "what Terraform says"}
	notPlayed := &cell{fault: &faults[1], mode: consent}
	var out bytes.Buffer
	err := report(&out, []*cell{kept, broken, notPlayed}, time.Minute, true)
	if err == nil || !strings.HasPrefix(err.Error(), "2 of 3 cells") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"as promised", "NOT AS PROMISED: the run ends partial", "what Terraform says"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if err := report(&out, []*cell{kept}, time.Minute, false); err != nil {
		t.Error(err)
	}
}

// The summaries that the faults promise are those of the provider, whose pages list all.
func TestPromisedSummariesExist(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for _, name := range []string{"errors", "warnings"} {
		page, err := os.ReadFile("../../docs/guides/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(page)
	}
	for _, f := range faults {
		for _, m := range modes {
			p := (&cell{fault: &f, mode: m}).promise()
			for page, summary := range map[string]string{"errors": p.fails, "warnings": p.warns} {
				if summary != "" && !strings.Contains(pages[page], "\n### "+summary+"\n") {
					t.Errorf("%s, %s: the page of %s has no %q", f.name, m, page, summary)
				}
			}
		}
	}
}
