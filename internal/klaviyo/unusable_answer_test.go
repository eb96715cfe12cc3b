package klaviyo_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// An import that was answered with success has been carried out: to ask again
// for a better answer would do the work again.
func TestAcceptedImportsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		says    string
		timeout time.Duration
	}{
		"no body":            {answer(202, ""), "(status 202, no body)", 0},
		"204":                {answer(204, ""), "(status 204, no body)", 0},
		"HTML":               {html(200), `(status 200, the body begins with "<!doctype html><html><body><h1>Bad gateway</h1></body></html>")`, 0},
		"no id":              {answer(202, `{"data":{"type":"profile-bulk-import-job"}}`), `begins with "{"data":{"type":"profile-bulk-import-job"}}")`, 0},
		"no data":            {answer(202, "{}"), `begins with "{}")`, 0},
		"a list":             {answer(202, `{"data":[{"id":"job-1"}]}`), "not the JSON expected", 0},
		"ends in the id":     {truncate(202, `{"data":{"type":"profile-bulk-import-job","id":"job`), "unexpected EOF (status 202", 0},
		"ends before":        {truncate(202, `{"data":`), "unexpected EOF (status 202", 0},
		"hangs":              {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(202); w.(http.Flusher).Flush(); hang(w, r) }, "no complete answer within 3s, the request_timeout (status 202, no body)", 3 * time.Second},
		"text, controls":     {answer(202, "Thank you,\n\n \x1b[1mada@example.com\x1b[0m!"), `begins with "Thank you, \x1b[***[0m!")`, 0},
		"long":               {answer(202, strings.Repeat("é", 1<<20)), strings.Repeat("é", 100) + `…")`, 0},
		"a key and a number": {answer(202, "key="+testKey+" tel=600 111 222"), `begins with "key=pk_*** tel=***")`, 0},
		"too large":          {endless, "larger than", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{Timeout: tc.timeout}, tc.answer)
			job, err := a.ImportProfiles(t.Context(), "x", []byte("{}"))
			var accepted *klaviyo.AcceptedError
			if !errors.As(err, &accepted) || !klaviyo.MayHaveArrived(err) || klaviyo.StatusOf(err) != 0 || job.ID != "" {
				t.Fatalf("job %+v, error %v (%T)", job, err, err)
			}
			if text := err.Error(); !strings.Contains(text, tc.says) || strings.Contains(text, "gave up") || strings.Contains(text, "\x1b") {
				t.Errorf("error %q, want %q", text, tc.says)
			}
			a.only(t)
		})
	}
}

// An answer that is cut off, or of which another part is odd, may still tell the
// id of the job.
func TestAcceptedImportsWithAnID(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"truncated":     truncate(202, `{"data":{"type":"profile-bulk-import-job","id":"job-1","attrib`),
		"ends early":    answer(202, `{"links":{"self":["x"]},"data":{"id":"job-1"`),
		"an odd count":  answer(202, strings.Replace(jobBody, "null", `"many"`, 1)),
		"a body and so": answer(202, jobBody+"<!-- by the proxy -->"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, fault)
			job, err := a.ImportProfiles(t.Context(), "x", []byte("{}"))
			if err != nil || job != (klaviyo.ImportJob{ID: "job-1", TotalCount: -1, CompletedCount: -1, FailedCount: -1}) {
				t.Errorf("job %+v, error %v", job, err)
			}
			a.only(t)
		})
	}
}

// An import may take long, and the clock of the server may be another.
func TestAcceptedImportsTellWhenByTheClockOfTheServer(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
	const took = 50 * time.Millisecond
	a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(took)
		answer(202, "", "Date", now.Format(http.TimeFormat))(w, r)
	})
	_, err := a.ImportProfiles(t.Context(), "x", []byte("{}"))
	var accepted *klaviyo.AcceptedError
	if !errors.As(err, &accepted) || !accepted.Ended.Equal(now) || accepted.Began.After(now.Add(-took)) || accepted.Began.Before(now.Add(-time.Hour)) {
		t.Errorf("%+v", accepted)
	}
}

// An answer that came as a whole and is not understood is not one that did not
// come.
func TestExplainOddAnswers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"<html>": "not the JSON expected", `{"data":{"id":"job-1","attributes":{"failed_count":"many"}}}`: "failed_count", `{"data":{}}`: "lacks its data",
	} {
		_, err := serve(t, klaviyo.Options{RetryTimeout: 5 * time.Second}, answer(200, body)).ImportJob(t.Context(), "job-1")
		summary, detail := klaviyo.Explain(err)
		if summary != "Klaviyo's Answer Is Not Understood" || !strings.Contains(detail, want) || !strings.Contains(detail, "gave up after ") {
			t.Errorf("%s: %s: %s", body, summary, detail)
		}
	}
}

// What is answered without a document is done only if nothing else is in the answer: a
// page with status 200 comes from something in front of Klaviyo.
func TestAPageIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"RemoveMembers", "DeleteList"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, html(200), answer(204, ""))
			if err := calls()[operation].do(t.Context(), a.Client); err != nil {
				t.Error(err)
			}
			if n := len(a.received()); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}
