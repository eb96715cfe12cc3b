package export_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// declared is an export without a Klaviyo.
func declared(sources ...segment.Source) *export.Export {
	return (&env{listID: "Y6nRLr"}).export(sources...)
}

func survey(t *testing.T, sources ...segment.Source) *export.Survey {
	t.Helper()
	s, err := declared(sources...).Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSurveyCounts(t *testing.T) {
	t.Parallel()
	first := &table{columns: columns, rows: [][]string{
		{"a@example.com", "", "1", ""},
		{" A@Example.com", "", "2", ""}, // a duplicate
		{"b@example.com", "nonsense", "", ""},
		{"", "", "", ""},
		{"no address", "", "", ""},
		{"c@example.com"}, // ragged
		{"\xff@example.com", "", "", ""},
	}}
	second := &table{columns: []string{"n", "text", "email", "phone", "other"}, rows: [][]string{
		{"", "", "b@example.com", "", ""}, // a duplicate of the other segment
		{"3", "x", "d@example.com", "+34600111222", "y"},
	}}
	s := survey(t, first, second)
	if s.Rows != 9 || s.Profiles != 3 || s.Duplicates != 2 || s.Rejected.Total != 4 || s.Dropped.Total != 1 {
		t.Errorf("survey %+v", s)
	}
	if s.Rows != s.Profiles+s.Duplicates+s.Rejected.Total {
		t.Errorf("%d rows do not add up", s.Rows)
	}
	var got []string
	for _, r := range append(s.Rejected.Reasons(), s.Dropped.Reasons()...) {
		got = append(got, fmt.Sprintf("%s %d %v", r.Code, r.Count, r.First))
	}
	want := []string{
		"invalid_email 1 [{s1 5}]", "malformed_row 1 [{s1 6}]", "missing_email 1 [{s1 4}]", "not_utf8 1 [{s1 7}]", "dropped 1 [{s1 3}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("reasons %q, want %q", got, want)
	}
}

func TestSurveyFingerprint(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	base := people(3000)
	want := survey(t, base).Fingerprint
	shuffled := people(3000)
	random.Shuffle(3000, func(i, j int) { shuffled.rows[i], shuffled.rows[j] = shuffled.rows[j], shuffled.rows[i] })
	one, two := people(3000), people(3000)
	one.rows, two.rows = one.rows[:1234], two.rows[1234:]
	noisy := people(3000)
	noisy.rows = append(noisy.rows, []string{"not an address", "", "", ""}, []string{"ragged"}, []string{"P7@EXAMPLE.COM", "", "8", ""})
	for name, sources := range map[string][]segment.Source{
		"again": {base}, "shuffled": {shuffled}, "two segments": {one, two}, "segments swapped": {two, one}, "rows that are not exported": {noisy},
	} {
		if got := survey(t, sources...).Fingerprint; got != want {
			t.Errorf("%s: fingerprint %s, want %s", name, got, want)
		}
	}
	changed := people(3000)
	changed.rows[2999][3] = "x"
	for name, source := range map[string]segment.Source{"a row less": people(2999), "a row more": people(3001), "a value": changed} {
		if got := survey(t, source).Fingerprint; got == want {
			t.Errorf("%s does not change the fingerprint", name)
		}
	}
}

func TestSurveyErrors(t *testing.T) {
	t.Parallel()
	blame := func(attribute ...string) []string { return attribute }
	badFile := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(badFile, []byte("email,phone,n,text\n\"x,,,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	typed := people(1200)
	for i := 100; i < 1100; i += 100 {
		typed.rows[i][2] = "many"
	}
	for name, tc := range map[string]struct {
		sources   []segment.Source
		change    func(*export.Export)
		attribute []string
		summary   string
		says      []string
	}{
		"missing file": {
			[]segment.Source{people(1), csvFiles{path: "no/such.csv"}},
			nil,
			blame("segment", "s2", "file", "path"), "Segment Cannot Be Read",
			[]string{`Segment "s2": There is no file "no/such.csv".`, "Nothing was sent."},
		},
		"a file with a mistake": {
			[]segment.Source{csvFiles{path: badFile}}, nil, blame("segment", "s1", "file", "path"), "Segment Cannot Be Read", []string{"line 2"},
		},
		"a source that breaks off": {
			[]segment.Source{&table{columns: columns, rows: people(600).rows, before: func(_ context.Context, row int) error {
				if row == 555 {
					return errors.New("the connection was lost")
				}
				return nil
			}}}, nil, blame("segment", "s1"), "Segment Cannot Be Read", []string{"the connection was lost", "Nothing was sent."},
		},
		"a connection that times out": { // which looks like a context that has ended
			[]segment.Source{&table{columns: columns, rows: people(6).rows, before: func(context.Context, int) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
			}}}, nil, blame("segment", "s1"), "Segment Cannot Be Read", []string{"dial tcp", "Nothing was sent."},
		},
		"no rows":          {[]segment.Source{people(3), people(0)}, nil, blame("segment", "s2"), "Segment Is Empty", []string{`Segment "s2" has no rows`}},
		"no row of use":    {[]segment.Source{&table{columns: columns, rows: [][]string{{"x", "", "", ""}, {""}}}}, nil, blame("segment"), "No Row Can Be Exported", []string{"Of 2 rows none", "the email address is not valid: 1 row (1 of s1)"}},
		"too many":         {[]segment.Source{people(12)}, func(e *export.Export) { e.Destination.MaxProfiles = 11 }, blame("destination"), "Too Many Profiles", []string{"hold 12 profiles", "allows 11 for"}},
		"a number is none": {[]segment.Source{typed}, nil, blame("properties", "n", "type"), "Property Is Not Of Its Type", []string{`property "n" is not a number`, "10 rows (101, 201, 301, 401, 501 of s1, ...)"}},
		"missing column": {
			[]segment.Source{people(1)},
			func(e *export.Export) { e.Mapping.Properties["n"] = profile.Property{Column: "N"} },
			blame("properties", "n", "field"), "Column Not In Segment",
			[]string{`segment "s1" does not have: no column "N"; the columns are "email"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := declared(tc.sources...)
			if tc.change != nil {
				tc.change(e)
			}
			_, err := e.Survey(t.Context())
			var several diagnostic.Errors
			if errors.As(err, &several) {
				if len(several) != 1 {
					t.Fatalf("%d errors: %v", len(several), err)
				}
				err = several[0]
			}
			asError(t, err, tc.attribute, tc.summary, tc.says...)
		})
	}
}

func TestSurveyNamesEveryMissingColumn(t *testing.T) {
	t.Parallel()
	e := declared(&table{columns: []string{"Email", "text"}, rows: [][]string{{"", ""}}})
	e.Mapping.Attributes = map[string]string{"title": "job"}
	e.Mapping.Location = map[string]string{"city": "town", "zip": "text"}
	_, err := e.Survey(t.Context())
	asError(t, err, []string{"segment", "s1"}, "Columns Not In Segment", `Segment "s1" does not have 5 of the columns that are named`,
		`data_matching.email is to come from "email"`, `data_matching.phone_number is to come from "phone"`, `attributes.title is to come from "job"`,
		`attributes.location.city is to come from "town"`, `property "n" is to come from "n"`, `The columns are "Email", "text".`, "Nothing was sent.")
}

func TestSurveyNamesEveryPropertyOfAnotherType(t *testing.T) {
	t.Parallel()
	e := declared(&table{columns: columns, rows: [][]string{{address(1), "", "x", "1"}, {address(2), "", "1", "x"}, {address(3), "", "1", "1"}}})
	e.Mapping.Properties["text"] = profile.Property{Column: "text", Type: profile.Boolean, OnInvalid: profile.Stop}
	_, err := e.Survey(t.Context())
	var several diagnostic.Errors
	if !errors.As(err, &several) || len(several) != 2 {
		t.Errorf("error %v", err)
	}
}

func TestSurveyStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	source := people(100_000)
	read := 0
	source.before = func(_ context.Context, row int) error {
		if read = row; row == 5000 {
			cancel()
		}
		return nil
	}
	_, err := declared(source).Survey(ctx)
	var e *diagnostic.Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
		t.Errorf("error %v", err)
	}
	var unread *pipeline.UnreadError
	if !errors.As(err, &unread) || unread.Segment != "s1" {
		t.Errorf("error %v does not say what was being read", err)
	}
	if read > 50_000 {
		t.Errorf("read on to row %d", read)
	}
}

func TestSurveyOfManyChunks(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 511, 512, 513, 1024, 20_000} {
		source := people(n)
		for i := 0; i < n; i += 7 {
			source.rows[i] = []string{"ragged"}
		}
		ragged := int64((n + 6) / 7)
		if n == 1 {
			source.rows[0] = people(1).rows[0]
			ragged = 0
		}
		s := survey(t, source)
		if s.Rows != int64(n) || s.Rejected.Total != ragged || s.Profiles != int64(n)-ragged {
			t.Errorf("%d rows: %+v", n, s)
		}
		for _, reason := range s.Rejected.Reasons() {
			if reason.First[0].Number != 1 || len(reason.First) > 1 && reason.First[1].Number != 8 {
				t.Errorf("%d rows: ragged are %v", n, reason.First)
			}
		}
	}
}
