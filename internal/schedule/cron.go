package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// cronParser takes the classic five fields, and @daily and the like.
//
// Why this library: of those at hand it is the one that is maintained, pulls in
// nothing, and reads what people write: 7 and 5-7 reach Sunday, and a bad step
// is refused. robfig/cron, its origin, rests since 2020 and refuses 7;
// hashicorp/cronexpr loses the Sunday of 5-7 and panics on a reversed range of
// months; gronx lets malformed ranges pass.
//
// It also takes ranges that run backwards and continues them from the start of
// the field, so that 1-0 is all of it. Other crons refuse these, and so does
// checkCronFields: they are more often a slip than meant.
//
// All of them are wrong somewhere around daylight saving time. The library is
// therefore only asked about clocks that never change, and Schedule does the rest.
var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Descriptor).
	WithMaxSearchYears(10) // 29 February may be eight years away

// cronFields are the fields of a cron expression in their order, and what they
// take.
var cronFields = [...]cronField{
	{"minute", "0-59", 0, 59, nil},
	{"hour", "0-23", 0, 23, nil},
	{"day of month", "1-31", 1, 31, nil},
	{"month", "1-12 or jan-dec", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", "0-7 or sun-sat, where 0 and 7 are Sunday", 0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

type cronField struct {
	name, takes string
	first, last int
	names       []string // of the values, from the first
}

// value is the number that a text of the field stands for.
func (f cronField) value(text string) int {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.first + i
	}
	n, _ := strconv.Atoi(text)
	return n
}

// checkRanges refuses ranges that run backwards in a field that the library
// accepts, and says what to write for them.
func (f cronField) checkRanges(field string) error {
	for part := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		low, high, _ := strings.Cut(span, "-")
		from, to := f.value(low), f.value(high)
		if high == "" || from <= to {
			continue
		}
		problem := fmt.Errorf("the %s cannot be %q: the range %s runs backwards", f.name, field, span)
		if stepped && step != "1" { // two ranges would begin their steps anew
			return fmt.Errorf("%w; list the values one by one instead", problem)
		}
		return fmt.Errorf("%w; to continue it from %d, write %s,%s instead", problem, f.first, numbers(from, max(from, f.last)), numbers(f.first, to))
	}
	return nil
}

// numbers is a range in the notation of cron.
func numbers(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// cronSyntax says how a cron expression is written.
const cronSyntax = `write five fields separated by spaces: minute, hour, day of month, month and day of week, such as "0 6 * * 1-5"; ` +
	"or one of @hourly, @daily, @weekly, @monthly and @yearly"

// parseCron reads a cron expression that fires at some time.
func parseCron(expression string) (*cron.SpecSchedule, error) {
	fields := strings.Fields(expression)
	expression = strings.Join(fields, " ")
	switch {
	case len(fields) == 0:
		return nil, errors.New("it is empty; " + cronSyntax)
	case strings.Contains(fields[0], "TZ="):
		return nil, errors.New("it names a time zone, which belongs in timezone; leave it out here")
	case strings.HasPrefix(expression, "@"):
	case len(fields) > len(cronFields):
		return nil, fmt.Errorf("it has %d fields, and fields for seconds or years are not supported; %s", len(fields), cronSyntax)
	case len(fields) < len(cronFields):
		return nil, fmt.Errorf("it has %d of 5 fields; %s", len(fields), cronSyntax)
	default:
		if err := checkCronFields(fields); err != nil {
			return nil, err
		}
	}
	parsed, err := cronParser.Parse(expression)
	if err != nil {
		return nil, errors.New("it is not understood; " + cronSyntax)
	}
	c, ok := parsed.(*cron.SpecSchedule) // @every counts from when a process started
	if !ok {
		return nil, errors.New("it has no fixed times; " + cronSyntax)
	}
	// Whether there is a tick does not depend on the year, but for 29 February.
	if c.Next(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("it never fires, because none of its months has such a day; correct the day of month or the month")
	}
	return c, nil
}

// checkCronFields parses the fields one by one, since the library does not say
// which of them it refuses.
func checkCronFields(fields []string) error {
	for i, field := range fields {
		alone := []string{"*", "*", "*", "*", "*"}
		alone[i] = field
		_, err := cronParser.Parse(strings.Join(alone, " "))
		if err != nil || slices.Contains(strings.Split(field, ","), "") { // the library skips over what is missing in 1,,2
			return fmt.Errorf("the %s cannot be %q; it takes %s, or * for any, and of these lists such as 1,3, ranges such as 1-5, "+
				"and steps that are shorter than their range, such as */2", cronFields[i].name, field, cronFields[i].takes)
		}
		if err := cronFields[i].checkRanges(field); err != nil {
			return err
		}
	}
	return nil
}
