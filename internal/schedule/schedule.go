// Package schedule tells when something is due by a cron expression in a time
// zone, also where clocks are changed.
package schedule

import (
	"errors"
	"fmt"
	"time"
	"unicode"

	"github.com/netresearch/go-cron"
)

// Schedule is a list of moments, by the clocks of a time zone. Where they change:
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
type Schedule struct {
	cron *cron.SpecSchedule
	zone *time.Location
}

// Parse reads a cron expression and the name of a time zone, UTC if
// empty.
func Parse(expression, timezone string) (Schedule, error) {
	c, err := parseCron(expression)
	if err != nil {
		return Schedule{}, fmt.Errorf("cron %q: %w", expression, err)
	}
	zone, err := ParseTimezone(timezone)
	if err != nil {
		return Schedule{}, fmt.Errorf("timezone %q: %w", timezone, err)
	}
	return Schedule{c, zone}, nil
}

// Next is the first tick after a moment, in the time zone of the schedule. It
// is zero if there is none.
func (s Schedule) Next(after time.Time) time.Time {
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

// Due tells whether there was a tick since the last run, now included. The tick
// is the first one after the last run whatever the time is, so that a plan that
// is made twice says the same twice; it is yet to come if no run is due.
func (s Schedule) Due(lastRun, now time.Time) (tick time.Time, ok bool) {
	tick = s.Next(lastRun)
	return tick, !tick.IsZero() && !tick.After(now)
}

// everyHour tells whether the schedule leaves no hour out.
func (s Schedule) everyHour() bool {
	const all = 1<<24 - 1
	return s.cron.Hour&all == all
}

// nextPassed is Next for a schedule of every hour. It looks for a tick before
// the clock is changed, and if there is none, from that moment on.
func (s Schedule) nextPassed(after time.Time) time.Time {
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
func (s Schedule) reached(clock time.Time) time.Time {
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

// ParseTimezone finds a time zone by its IANA name; the empty name is UTC.
func ParseTimezone(name string) (*time.Location, error) {
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

// CheckCron says what is wrong with a cron expression, nil if it can be used.
func CheckCron(expression string) error {
	_, err := parseCron(expression)
	return err
}
