package export_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// traffic is the import requests that a simulator recorded.
type traffic struct{ requests, refused, bytes int }

func (w *env) traffic() (t traffic) {
	for _, r := range w.imports() {
		t.requests++
		t.bytes += r.BodySize
		if r.Status == http.StatusBadRequest {
			t.refused++
		}
	}
	return t
}

// The imports that bad profiles cost are bounded as refusals.go says, wherever
// in a full batch they are and however few an answer names.
func TestRefusalsCostNoMoreThanTheirBound(t *testing.T) {
	t.Parallel()
	const rows = 10_000
	for name, tc := range map[string]struct {
		bad, every, named int
	}{
		"none":                    {0, 1, 10},
		"one":                     {1, 1, 10},
		"as many as are named":    {10, 900, 10},
		"one more":                {11, 900, 10},
		"100 spread, ten named":   {100, 100, 10},
		"100 in a row, ten named": {100, 1, 10},
		"40 spread, one named":    {40, 250, 1},
		"40 in a row, one named":  {40, 1, 1},
		"1,000 spread, all named": {1000, 10, 1000},
		"1,000 spread, 50 named":  {1000, 10, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{MaxErrorsPerResponse: tc.named})
			for i := range tc.bad {
				w.RefuseEmail(address(i*tc.every), "invalid", "Invalid email address")
			}
			r := w.run(t, w.export(people(rows)))
			if r.Refused.Total != int64(tc.bad) || r.Exported != int64(rows-tc.bad) {
				t.Errorf("%d refused, %d exported", r.Refused.Total, r.Exported)
			}
			got := w.traffic()
			full := w.imports()[0].BodySize
			answers := float64(tc.bad) / float64(tc.named)
			requests := int(3*answers) + 2
			const small = 63_000 // bytes of a piece that is not halved, with its envelope
			bytes := int(2*float64(full)*(1+math.Log2(answers+1)) + small*answers)
			t.Logf("%d requests of %d, %d bytes of %d; one after the other %d", got.requests, requests, got.bytes, bytes, full*(got.refused+1))
			if got.requests > requests || got.bytes > bytes {
				t.Errorf("%+v, of %d requests and %d bytes allowed", got, requests, bytes)
			}
		})
	}
}

// Where nearly everything is refused, a few profiles at a time, the run ends
// with an error that says what Klaviyo has and what it refuses.
func TestRunGivesUpOnImportsThatAreRefusedPiecemeal(t *testing.T) {
	t.Parallel()
	const batchRows, named, patience = 2000, 10, 100 + 2*20
	w := newEnv(t, simulator.Options{MaxErrorsPerResponse: named})
	for i := batchRows; i < 2*batchRows; i++ {
		w.RefuseEmail(address(i), "invalid", "Invalid email address")
	}
	source := people(2 * batchRows)
	source.waitFor(2*batchRows-1, func() bool { return w.traffic().requests == 1 })
	e := w.export(source)
	e.SetBatchLimits(batchRows, 1<<18)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"segment"}, "Klaviyo Refuses Too Many Imports",
		"refused 141 imports", "(2001, 2002, 2003, 2004, 2005 of s1, ...)", "Correct the source or the mapping", "Once this is put right, apply again")
	if got := w.traffic(); got.refused != patience+1 || got.requests != patience+2 {
		t.Errorf("%+v", got)
	}
	if strings.Contains(err.Error(), "@") {
		t.Errorf("an address is shown: %v", err)
	}
	said := regexp.MustCompile(`Invalid email address: 1,(\d{3}) rows`).FindStringSubmatch(err.Error())
	if said == nil {
		t.Fatalf("%v does not say how many rows are refused", err)
	}
	refused, _ := strconv.Atoi(said[1])
	var left []int
	for i := batchRows + 1000 + refused; i < 2*batchRows; i++ {
		left = append(left, i)
	}
	places := readPlaces(t, err.Error(), []int{2 * batchRows})
	checkRows(t, "not accepted", places["not accepted"], left)
	checkRows(t, "under way", places["under way"], nil)
	checkRows(t, "after", places["after"], nil)
}

// Random rows are refused for random reasons, and an answer names some of them,
// the first or any. Each row ends in one place all the same, with its phone
// number or without.
func TestRunConvergesUnderRandomRefusals(t *testing.T) {
	t.Parallel()
	for seed := range race.Seeds(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 11))
			w := newEnv(t, simulator.Options{MaxErrorsPerResponse: math.MaxInt32})
			named, anyOrder := []int{1, 2, 3, 10, 1000}[random.IntN(5)], random.IntN(3) == 0
			w.client = newClient(t, newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
				if answer.Code == http.StatusBadRequest {
					abridge(t, answer, named, anyOrder)
				}
			}), patient)
			rows := min(1+random.IntN(400), 40*named)
			c := refuseAtRandom(random, w, rows)
			e := w.export(&table{columns: columns, rows: append(c.rows, []string{"last@example.com", "", "", ""})})
			e.SetBatchLimits(1+random.IntN(2*rows), 1<<16)
			r := w.runListing(t, e)
			if r.Refused.Total != c.refused || r.Unwanted.Total < c.unwanted || r.Unwanted.Total > c.unwanted+c.either {
				t.Errorf("%d refused, %d unwanted, want %d, and %d or up to %d more", r.Refused.Total, r.Unwanted.Total, c.refused, c.unwanted, c.either)
			}
			var members []string
			for email, phone := range c.phones {
				members = append(members, email)
				if p, _ := w.Profile(email); p.PhoneNumber != phone {
					t.Errorf("%s has the number %q, want %q", email, p.PhoneNumber, phone)
				}
			}
			w.checkMembers(t, append(members, "last@example.com"))
		})
	}
}

// abridge leaves so many errors in an answer, the first or any.
func abridge(t *testing.T, answer *httptest.ResponseRecorder, named int, anyOrder bool) {
	t.Helper()
	var doc struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
		t.Error(err)
	}
	if anyOrder {
		rand.Shuffle(len(doc.Errors), func(i, j int) { doc.Errors[i], doc.Errors[j] = doc.Errors[j], doc.Errors[i] })
	}
	doc.Errors = doc.Errors[:min(named, len(doc.Errors))]
	body, err := json.Marshal(doc)
	if err != nil {
		t.Error(err)
	}
	answer.Body.Reset()
	answer.Body.Write(body)
}

// chances is people of whom some are refused.
type chances struct {
	rows                      [][]string
	phones                    map[string]string // of those who are exported, by address, as Klaviyo should have them
	refused, unwanted, either int64             // either: values of people who are refused, too
}

func refuseAtRandom(random *rand.Rand, w *env, rows int) *chances {
	c := &chances{phones: map[string]string{}}
	w.RefusePhones("+336", "invalid", notSupported)
	bad, foreign := random.IntN(101), random.IntN(101) // in a hundred
	for i := range rows {
		row := []string{address(i), "", fmt.Sprint(i), ""}
		unwanted := true
		switch {
		case random.IntN(100) < foreign:
			row[1] = frenchNumber(i)
		case random.IntN(100) < bad/4:
			row[1] = spanishNumber(i)
			w.RefusePhone(row[1], "invalid", "Invalid phone number.")
		default:
			unwanted = false
			row[1] = spanishNumber(i)
		}
		switch refused := random.IntN(100) < bad/2; {
		case refused:
			w.RefuseEmail(row[0], "invalid", "Invalid email address")
			c.refused++
			if unwanted {
				c.either++
			}
		case unwanted:
			c.unwanted++
			c.phones[row[0]] = ""
		default:
			c.phones[row[0]] = row[1]
		}
		c.rows = append(c.rows, row)
	}
	return c
}

func spanishNumber(i int) string { return fmt.Sprintf("+346001%05d", i) }
func frenchNumber(i int) string  { return fmt.Sprintf("+336123%05d", i) }

// A server that names nobody of the batch is not asked again.
func TestRunDoesNotRepeatWhatIsRefusedWithoutAName(t *testing.T) {
	t.Parallel()
	for name, pointer := range map[string]string{
		"behind the last":  "/data/attributes/profiles/data/10/attributes/email",
		"no number":        "/data/attributes/profiles/data/x",
		"at the whole":     "/data/attributes/profiles",
		"at the data":      "/data",
		"nowhere":          "",
		"before the first": "/data/attributes/profiles/data/-1",
	} {
		w := newEnv(t, simulator.Options{})
		w.Inject(simulator.Fault{Method: "POST", Times: -1, Status: 400, Body: fmt.Sprintf(`{"errors":[{"detail":"No.","source":{"pointer":%q}}]}`, pointer)})
		_, err := w.export(people(10)).Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, nil, "Klaviyo Refused The Request")
		if n := len(w.imports()); n != 1 {
			t.Errorf("%s: %d imports", name, n)
		}
	}
}

var phoneTarget = profile.Target{Group: "klaviyo", Name: "phone_number"}

// checkUnwanted compares the values that Klaviyo refused with what there should
// be, all for the same reason.
func checkUnwanted(t *testing.T, r *export.Result, words string, count int64, first ...int64) {
	t.Helper()
	reasons := r.Unwanted.Reasons()
	if len(reasons) != 1 {
		t.Fatalf("reasons %+v", reasons)
	}
	var rows []tally.Row
	for _, number := range first {
		rows = append(rows, tally.Row{Segment: "s1", Number: number})
	}
	got := reasons[0]
	if got.Code != "dropped" || got.Target != phoneTarget || got.Words != "Klaviyo: "+words || got.Count != count || !slices.Equal(got.First, rows) {
		t.Errorf("%+v, want %d of %v", got, count, rows)
	}
}
