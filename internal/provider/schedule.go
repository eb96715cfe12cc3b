package provider

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

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
// therefore only asked about clocks that never change, and schedule does the rest.
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

// schedule is when an export is due, by the clocks of a time zone. Where they
// change:
//
//   - A schedule that names its hours goes by what the clock shows, and has each
//     of its times once. One that the clock jumps over is made up for in the
//     moment of the jump: 02:30 happens at 03:00. Of one that the clock shows
//     twice, the first counts.
//   - A schedule for every hour of the day goes by time that passes. It has no
//     tick while the clock jumps, and keeps ticking while an hour is repeated.
//
// With both a day of month and a day of week, either is enough, as in any cron;
// a step such as */2 is a day given.
type schedule struct {
	cron *cron.SpecSchedule
	zone *time.Location
}

// parseSchedule reads a cron expression and the name of a time zone, UTC if
// empty.
func parseSchedule(expression, timezone string) (schedule, error) {
	c, err := parseCron(expression)
	if err != nil {
		return schedule{}, fmt.Errorf("cron %q: %w", expression, err)
	}
	zone, err := parseTimezone(timezone)
	if err != nil {
		return schedule{}, fmt.Errorf("timezone %q: %w", timezone, err)
	}
	return schedule{c, zone}, nil
}

// next is the first tick after a moment, in the time zone of the schedule. It
// is zero if there is none.
func (s schedule) next(after time.Time) time.Time {
	if s.everyHour() {
		return s.nextPassed(after)
	}
	for clock := s.cron.Next(clockAt(after.In(s.zone))); !clock.IsZero(); clock = s.cron.Next(clock) {
		if tick := s.reached(clock); tick.After(after) {
			return tick
		}
	}
	return time.Time{}
}

// due tells whether there was a tick since the last run, now included. The tick
// is the first one after the last run whatever the time is, so that a plan that
// is made twice says the same twice; it is yet to come if no run is due.
func (s schedule) due(lastRun, now time.Time) (tick time.Time, ok bool) {
	tick = s.next(lastRun)
	return tick, !tick.IsZero() && !tick.After(now)
}

// everyHour tells whether the schedule leaves no hour out.
func (s schedule) everyHour() bool {
	const all = 1<<24 - 1
	return s.cron.Hour&all == all
}

// nextPassed is next for a schedule of every hour. It looks for a tick before
// the clock is changed, and if there is none, from that moment on.
func (s schedule) nextPassed(after time.Time) time.Time {
	for period := after.In(s.zone); ; {
		_, change := period.ZoneBounds()
		clock := s.cron.Next(after.UTC().Add(offsetAt(period)))
		if clock.IsZero() {
			return time.Time{}
		}
		tick := clock.Add(-offsetAt(period)).In(s.zone)
		if change.IsZero() || tick.Before(change) {
			return tick
		}
		period, after = change, change.Add(-time.Second) // a tick may be at the change itself
	}
}

// reached is the first moment at which the clock of the time zone shows the
// given time, or has jumped over it.
func (s schedule) reached(clock time.Time) time.Time {
	// Which of the two offsets time.Date takes around a change is not defined.
	// A day earlier is before the moment, whatever the offset.
	for period := clock.Add(-24 * time.Hour).In(s.zone); ; {
		start, change := period.ZoneBounds()
		moment := clock.Add(-offsetAt(period)).In(s.zone)
		if moment.Before(start) {
			moment = start
		}
		if change.IsZero() || moment.Before(change) {
			return moment
		}
		period = change
	}
}

// clockAt is what the clock shows at a moment, as a time in UTC.
func clockAt(moment time.Time) time.Time { return moment.UTC().Add(offsetAt(moment)) }

// offsetAt is how far the clock is ahead of UTC at a moment.
func offsetAt(moment time.Time) time.Duration {
	_, seconds := moment.Zone()
	return time.Duration(seconds) * time.Second
}

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

// parseTimezone finds a time zone by its IANA name; the empty name is UTC.
func parseTimezone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	// Local, and in lower case localtime, are the time zone of the machine, and
	// Terraform runs on more than one. Names of IANA begin with a capital.
	if err != nil || name == "Local" || !unicode.IsUpper(rune(name[0])) {
		return nil, errors.New(`it is not in the IANA time zone database; write a name such as "Europe/Madrid" or "America/New_York", ` +
			"neither an abbreviation nor an offset, or leave it out for UTC")
	}
	return zone, nil
}

var (
	// cronExpression accepts cron expressions that fire at some time.
	cronExpression = stringRule{"must be a cron expression of five fields", "Cron Expression Not Usable", func(expression string) string {
		if _, err := parseCron(expression); err != nil {
			return fmt.Sprintf("The cron expression %q cannot be used: %s.", expression, err)
		}
		return ""
	}}

	// timezoneName accepts names of time zones.
	timezoneName = stringRule{"must be the IANA name of a time zone", "Time Zone Not Known", func(name string) string {
		if _, err := parseTimezone(name); err != nil {
			return fmt.Sprintf("The time zone %q cannot be used: %s.", name, err)
		}
		return ""
	}}
)
