package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultSyntax explains what ParseFault takes.
const FaultSyntax = `TROUBLE:OPERATION[:COUNT][@FROM]

TROUBLE    what goes wrong:
  503            answer with this status (400 to 599), and do nothing else
  503-after      do what is asked, but answer with this status
  429            answer "too many requests", with Retry-After: 1
  429=30         the same, with Retry-After: 30
  reset          close the connection, and do nothing else
  reset-after    do what is asked, then close the connection without an answer
  cut            do what is asked, but send only half of the answer
  slow=5s        wait, then do what is asked
OPERATION  which requests: the name of an operation in Klaviyo's API reference,
           such as bulk_import_profiles; method and path, such as
           "POST /api/lists/*/relationships/profiles"; or any
COUNT      how many requests go wrong; the default is 1, and all means every one
@FROM      the first of these requests that goes wrong; the default is @1`

const anyOperation = "any"

// ParseFault reads a fault in the form of FaultSyntax.
func ParseFault(text string) (Fault, error) {
	f, err := parseFault(text)
	if err != nil {
		return Fault{}, fmt.Errorf("the fault %q: %w; a fault is %s", text, err, strings.SplitN(FaultSyntax, "\n", 2)[0])
	}
	return f, nil
}

func parseFault(text string) (f Fault, err error) {
	rest := text
	if before, from, found := cutLast(rest, "@"); found {
		rest = before
		if f.Nth, err = strconv.Atoi(from); err != nil || f.Nth < 1 {
			return f, fmt.Errorf("%q after @ is not a number of at least 1", from)
		}
	}
	parts := strings.Split(rest, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return f, errors.New("it does not have two or three parts with colons between them")
	}
	if err := f.setTrouble(parts[0]); err != nil {
		return f, err
	}
	if err := f.setOperation(parts[1]); err != nil {
		return f, err
	}
	f.Times = 1
	if len(parts) == 3 && parts[2] == "all" {
		f.Times = -1
	} else if len(parts) == 3 {
		if f.Times, err = strconv.Atoi(parts[2]); err != nil || f.Times < 1 {
			return f, fmt.Errorf("the count %q is neither a number of at least 1 nor all", parts[2])
		}
	}
	return f, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

func (f *Fault) setTrouble(text string) error {
	name, value, hasValue := strings.Cut(text, "=")
	switch {
	case name == "reset" && !hasValue:
		f.DropBefore = true
		return nil
	case name == "reset-after" && !hasValue:
		f.DropAfter = true
		return nil
	case name == "cut" && !hasValue:
		f.Truncate = true
		return nil
	case name == "slow":
		delay, err := time.ParseDuration(value)
		if err != nil || delay <= 0 {
			return fmt.Errorf("%q is not a duration such as 5s", value)
		}
		f.Delay = delay
		return nil
	}
	number, after := strings.CutSuffix(name, "-after")
	status, err := strconv.Atoi(number)
	if err != nil || status < 400 || status > 599 || hasValue && status != http.StatusTooManyRequests {
		return fmt.Errorf("there is no trouble %q", text)
	}
	answer := faultAnswer(status)
	if status == http.StatusTooManyRequests {
		wait := 1
		if hasValue {
			if wait, err = strconv.Atoi(value); err != nil || wait < 0 {
				return fmt.Errorf("%q is not a number of seconds", value)
			}
		}
		answer.header.Set("Retry-After", strconv.Itoa(wait))
	}
	f.Status, f.Header, f.Body, f.Done = status, answer.header, string(answer.body), after
	return nil
}

// faultAnswer is an error in Klaviyo's form.
func faultAnswer(status int) response {
	code := "error"
	switch status {
	case http.StatusTooManyRequests:
		code = "throttled"
	case http.StatusUnauthorized:
		code = "authentication_failed"
	case http.StatusForbidden:
		code = "permission_denied"
	case http.StatusNotFound:
		code = "not_found"
	}
	return refuse(newProblem(status, code, http.StatusText(status), "A fault that the simulator was told to make."))
}

func (f *Fault) setOperation(text string) error {
	if text == anyOperation {
		return nil
	}
	if method, path, ok := strings.Cut(text, " "); ok {
		if !strings.HasPrefix(path, "/api/") {
			return fmt.Errorf("the path %q does not begin with /api/", path)
		}
		f.Method, f.Path = strings.ToUpper(method), path
		return nil
	}
	if !slices.ContainsFunc(Operations(), func(o Operation) bool { return o.ID == text }) {
		return fmt.Errorf("there is no operation %q; the operations are %s", text,
			strings.Join(convert(Operations(), func(o Operation) string { return o.ID }), ", "))
	}
	f.Operation = text
	return nil
}
