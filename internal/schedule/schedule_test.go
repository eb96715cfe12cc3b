package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// at reads a moment, as the clock and the offset say it.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// mustSchedule is a schedule that can be read.
func mustSchedule(t *testing.T, cron, timezone string) Schedule {
	t.Helper()
	s, err := Parse(cron, timezone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is wrong is said of the part that is wrong, with what to do.
func TestParse_refused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cron, timezone string
		want           []string
	}{
		"empty":                      {"", "", []string{"it is empty", "minute, hour, day of month, month and day of week"}},
		"blank":                      {" \t ", "", []string{"it is empty"}},
		"four fields":                {"0 6 * *", "", []string{"4 of 5 fields", "minute, hour, day of month, month and day of week"}},
		"seconds":                    {"0 0 6 * * *", "", []string{"6 fields", "seconds or years are not supported"}},
		"seconds and years":          {"0 0 6 * * * 2026", "", []string{"7 fields", "seconds or years are not supported"}},
		"minute":                     {"60 * * * *", "", []string{`the minute cannot be "60"`, "0-59"}},
		"hour":                       {"0 24 * * *", "", []string{`the hour cannot be "24"`, "0-23"}},
		"day of month":               {"0 0 0 * *", "", []string{`the day of month cannot be "0"`, "1-31"}},
		"month":                      {"0 0 1 13 *", "", []string{`the month cannot be "13"`, "1-12 or jan-dec"}},
		"month in full":              {"0 0 1 january *", "", []string{`the month cannot be "january"`}},
		"day of week":                {"0 0 * * 8", "", []string{`the day of week cannot be "8"`, "0 and 7 are Sunday"}},
		"of two the first":           {"0 99 * * 99", "", []string{`the hour cannot be "99"`}},
		"no number":                  {"0 6 * * a", "", []string{`the day of week cannot be "a"`}},
		"a dash that is not one":     {"0 6 * * 1–5", "", []string{`the day of week cannot be "1–5"`}},
		"negative":                   {"-5 * * * *", "", []string{`the minute cannot be "-5"`}},
		"step of nothing":            {"*/0 * * * *", "", []string{`the minute cannot be "*/0"`}},
		"step beyond the range":      {"*/90 * * * *", "", []string{`the minute cannot be "*/90"`, "shorter"}},
		"step of nothing, padded":    {"0 0/00 * * *", "", []string{`the hour cannot be "0/00"`}},
		"step of nothing in a range": {"0 0 * * 1-5/0", "", []string{`the day of week cannot be "1-5/0"`}},
		"minutes backwards":          {"30-15 * * * *", "", []string{`the minute cannot be "30-15"`, "the range 30-15 runs backwards", "write 30-59,0-15 instead"}},
		"all minutes, backwards":     {"1-0 * * * *", "", []string{`the minute cannot be "1-0"`, "write 1-59,0 instead"}},
		"hours backwards":            {"0 22-1 * * *", "", []string{`the hour cannot be "22-1"`, "write 22-23,0-1 instead"}},
		"days backwards":             {"0 0 28-3 * *", "", []string{`the day of month cannot be "28-3"`, "to continue it from 1", "write 28-31,1-3 instead"}},
		"months backwards":           {"0 0 1 Nov-feb *", "", []string{`the month cannot be "Nov-feb"`, "write 11-12,1-2 instead"}},
		"weekdays backwards":         {"0 0 * * 5-2", "", []string{`the day of week cannot be "5-2"`, "write 5-6,0-2 instead"}},
		"weekdays by name":           {"0 0 * * SAT-MON", "", []string{`the day of week cannot be "SAT-MON"`, "write 6,0-1 instead"}},
		"from Sunday as 7":           {"0 0 * * 7-1", "", []string{`the day of week cannot be "7-1"`, "write 7,0-1 instead"}},
		"until Sunday as 0":          {"0 0 * * 1-0", "", []string{`the day of week cannot be "1-0"`, "write 1-6,0 instead"}},
		"backwards in a list":        {"0 0 * * 1,5-2", "", []string{`the day of week cannot be "1,5-2"`, "the range 5-2 runs backwards"}},
		"backwards in steps":         {"0 22-4/2 * * *", "", []string{`the hour cannot be "22-4/2"`, "list the values one by one"}},
		"list with a hole":           {"1,,2 * * * *", "", []string{`the minute cannot be "1,,2"`}},
		"list of nothing":            {"0 0 , * 1", "", []string{`the day of month cannot be ","`}},
		"last day of month":          {"0 0 L * *", "", []string{`the day of month cannot be "L"`}},
		"hash":                       {"H 6 * * *", "", []string{`the minute cannot be "H"`}},
		"30 February":                {"0 0 30 2 *", "", []string{"never fires", "day of month"}},
		"31 in months of 30":         {"0 0 31 4,6,9,11 *", "", []string{"never fires"}},
		"unknown descriptor":         {"@fortnightly", "", []string{"not understood", "@daily"}},
		"interval":                   {"@every 1h", "", []string{"no fixed times", "five fields"}},
		"short interval":             {"@every 1ms", "", []string{"not understood"}},
		"no times":                   {"@manual", "", []string{"no fixed times"}},
		"time zone in cron":          {"TZ=Europe/Madrid 0 6 * * *", "", []string{"belongs in timezone"}},
		"time zone, cron's own":      {"CRON_TZ=UTC 0 6 * * *", "", []string{"belongs in timezone"}},
		"time zone and nothing":      {"TZ=UTC", "", []string{"belongs in timezone"}},
		"cron is quoted":             {"0 24 * * *", "UTC", []string{`cron "0 24 * * *": `}},
		"time zone of the machine":   {"0 6 * * *", "Local", []string{`timezone "Local": `, "Europe/Madrid", "leave it out for UTC"}},
		"the same in a file":         {"0 6 * * *", "localtime", []string{"IANA"}},
		"with leap seconds":          {"0 6 * * *", "right/Europe/Madrid", []string{"IANA"}},
		"unknown time zone":          {"0 6 * * *", "Europe/Atlantis", []string{"IANA", "Europe/Madrid"}},
		"abbreviation of summer":     {"0 6 * * *", "CEST", []string{"neither an abbreviation nor an offset"}},
		"offset":                     {"0 6 * * *", "+02:00", []string{"neither an abbreviation nor an offset"}},
		"UTC with an offset":         {"0 6 * * *", "UTC+2", []string{"IANA"}},
		"time zone with a space":     {"0 6 * * *", " Europe/Madrid", []string{"IANA"}},
		"time zone out of the tree":  {"0 6 * * *", "Europe/../../etc/passwd", []string{"IANA"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(test.cron, test.timezone)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %q, and does not say %q", err, want)
				}
			}
		})
	}
}

// Each case is what comes after a moment, one by one.
func TestScheduleNext(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cron, timezone string
		after          string
		want           []string
	}{
		"weekdays": {
			"0 6 * * 1-5", "Europe/Madrid", "2026-01-15T05:59:59+01:00",
			[]string{"2026-01-15T06:00:00+01:00", "2026-01-16T06:00:00+01:00", "2026-01-19T06:00:00+01:00"},
		},
		"a tick is not after itself": {
			"0 6 * * *", "", "2026-01-15T06:00:00Z", []string{"2026-01-16T06:00:00Z"},
		},
		"a nanosecond before": {
			"0 6 * * *", "", "2026-01-15T05:59:59.999999999Z", []string{"2026-01-15T06:00:00Z"},
		},
		"a nanosecond after": {
			"0 6 * * *", "", "2026-01-15T06:00:00.000000001Z", []string{"2026-01-16T06:00:00Z"},
		},
		"every hour, a nanosecond before and after": {
			"0 * * * *", "", "2026-01-15T05:59:59.999999999Z", []string{"2026-01-15T06:00:00Z", "2026-01-15T07:00:00Z"},
		},
		"the day is that of the time zone, not of the moment": {
			"0 0 1 * *", "Asia/Tokyo", "2026-01-31T14:59:59Z", []string{"2026-02-01T00:00:00+09:00"},
		},
		"the clock is that of the time zone, not of the moment": {
			"0 6 * * *", "America/New_York", "2026-01-15T10:59:59Z", []string{"2026-01-15T06:00:00-05:00"},
		},
		"months by name": {
			"0 0 1 JAN,jul *", "", "2026-01-15T00:00:00Z", []string{"2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		},
		"days by name": {
			"0 0 * * Mon-wed", "", "2026-01-18T00:00:00Z",
			[]string{"2026-01-19T00:00:00Z", "2026-01-20T00:00:00Z", "2026-01-21T00:00:00Z", "2026-01-26T00:00:00Z"},
		},
		"days around the week": {
			"0 0 * * 5-6,0-1", "", "2026-01-15T00:00:00Z",
			[]string{"2026-01-16T00:00:00Z", "2026-01-17T00:00:00Z", "2026-01-18T00:00:00Z", "2026-01-19T00:00:00Z", "2026-01-23T00:00:00Z"},
		},
		"Sunday is 0": {"0 0 * * 0", "", "2026-01-15T00:00:00Z", []string{"2026-01-18T00:00:00Z", "2026-01-25T00:00:00Z"}},
		"Sunday is 7": {"0 0 * * 7", "", "2026-01-15T00:00:00Z", []string{"2026-01-18T00:00:00Z", "2026-01-25T00:00:00Z"}},
		"until Sunday": {
			"0 0 * * 5-7", "", "2026-01-15T00:00:00Z",
			[]string{"2026-01-16T00:00:00Z", "2026-01-17T00:00:00Z", "2026-01-18T00:00:00Z", "2026-01-23T00:00:00Z"},
		},
		"hours around midnight": {
			"0 22-23,0-1 * * *", "", "2026-01-15T12:00:00Z",
			[]string{"2026-01-15T22:00:00Z", "2026-01-15T23:00:00Z", "2026-01-16T00:00:00Z", "2026-01-16T01:00:00Z", "2026-01-16T22:00:00Z"},
		},
		"either of day of month and day of week": { // 13 February and March are Fridays
			"0 0 13 * 5", "", "2026-02-01T00:00:00Z",
			[]string{"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z"},
		},
		"a step is a day given": {
			"0 0 */10 * 1", "", "2026-01-01T00:00:00Z",
			[]string{"2026-01-05T00:00:00Z", "2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z"},
		},
		"any day of month": {"0 0 ? * 1", "", "2026-01-15T00:00:00Z", []string{"2026-01-19T00:00:00Z", "2026-01-26T00:00:00Z"}},
		"a range of one":   {"0 0 * * mon-mon", "", "2026-01-15T00:00:00Z", []string{"2026-01-19T00:00:00Z", "2026-01-26T00:00:00Z"}},
		"31 only where there is one": {
			"0 0 31 * *", "", "2026-01-31T00:00:00Z", []string{"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"},
		},
		"29 February": {"0 6 29 2 *", "Europe/Madrid", "2026-01-15T00:00:00Z", []string{"2028-02-29T06:00:00+01:00", "2032-02-29T06:00:00+01:00"}},
		"29 February, every hour": {
			"0 * 29 2 *", "Europe/Madrid", "2028-02-29T22:30:00+01:00", []string{"2028-02-29T23:00:00+01:00", "2032-02-29T00:00:00+01:00"},
		},
		"29 February, none in 2100": {"0 0 29 2 *", "", "2096-02-29T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		"white space":               {"\t0   6 * *\n* ", "", "2026-01-15T00:00:00Z", []string{"2026-01-15T06:00:00Z"}},
		"daily":                     {" @daily", "Europe/Madrid", "2026-01-15T00:00:00Z", []string{"2026-01-16T00:00:00+01:00"}},
		"monthly":                   {"@monthly", "", "2026-01-15T00:00:00Z", []string{"2026-02-01T00:00:00Z"}},
		"half an hour off UTC": {
			"0 6 * * *", "Asia/Kolkata", "2026-03-29T00:00:00Z", []string{"2026-03-29T06:00:00+05:30", "2026-03-30T06:00:00+05:30"},
		},
		"every hour, half an hour off UTC": {
			"0 * * * *", "Asia/Kolkata", "2026-03-29T00:00:00Z", []string{"2026-03-29T06:00:00+05:30", "2026-03-29T07:00:00+05:30"},
		},

		// The clock jumps forward: 02:00 is 03:00.
		"jump, Madrid": {
			"30 2 * * *", "Europe/Madrid", "2026-03-28T00:00:00+01:00",
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		},
		"jump, New York": {
			"30 2 * * *", "America/New_York", "2026-03-07T00:00:00-05:00",
			[]string{"2026-03-07T02:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"},
		},
		"jump, at its first minute": {
			"0 2 * * *", "Europe/Madrid", "2026-03-29T01:59:59+01:00", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"},
		},
		"jump, several times are made up for at once": {
			"*/20 2,3 * * *", "Europe/Madrid", "2026-03-29T00:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00", "2026-03-29T03:40:00+02:00", "2026-03-30T02:00:00+02:00"},
		},
		"jump, not on this day": {
			"30 2 * * 1", "Europe/Madrid", "2026-03-28T00:00:00+01:00", []string{"2026-03-30T02:30:00+02:00"},
		},
		"jump, every second hour": {
			"0 */2 * * *", "Europe/Madrid", "2026-03-28T23:00:00+01:00",
			[]string{"2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00", "2026-03-29T06:00:00+02:00"},
		},
		"jump, half an hour": {
			"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
		},
		"jump, midnight": {
			"0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00+02:00",
			[]string{"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		},
		"jump, a whole day": { // Samoa went over the date line, and had no 30 December
			"0 6 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2012-12-30T06:00:00+14:00"},
		},
		"jump, every half an hour": {
			"*/30 * * * *", "Europe/Madrid", "2026-03-29T01:00:00+01:00",
			[]string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"},
		},
		"jump, every hour": {
			"15 * * * *", "America/New_York", "2026-03-08T01:00:00-05:00",
			[]string{"2026-03-08T01:15:00-05:00", "2026-03-08T03:15:00-04:00", "2026-03-08T04:15:00-04:00"},
		},
		"jump, every half an hour, half an hour": {
			"*/30 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00:00+10:30",
			[]string{"2026-10-04T01:30:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"},
		},

		// The clock is put back: 03:00 is 02:00, and the hour comes again.
		"repeat, Madrid": {
			"30 2 * * *", "Europe/Madrid", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		},
		"repeat, New York": {
			"30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"},
		},
		"repeat, when the hour comes again": {
			"30 2 * * *", "Europe/Madrid", "2026-10-25T02:10:00+01:00", []string{"2026-10-26T02:30:00+01:00"},
		},
		"repeat, at the change": {
			"0 2,3 * * *", "Europe/Madrid", "2026-10-25T00:00:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-26T02:00:00+01:00"},
		},
		"repeat, several times": {
			"*/30 2 * * *", "Europe/Madrid", "2026-10-25T00:00:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:00:00+01:00"},
		},
		"repeat, half an hour": {
			"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00+11:00",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"},
		},
		"repeat, every half an hour": {
			"*/30 * * * *", "Europe/Madrid", "2026-10-25T02:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		},
		"repeat, every hour, however it is written": {
			"15 0-23 * * *", "America/New_York", "2026-11-01T00:30:00-04:00",
			[]string{"2026-11-01T01:15:00-04:00", "2026-11-01T01:15:00-05:00", "2026-11-01T02:15:00-05:00"},
		},
		"repeat, every half an hour, half an hour": {
			"*/30 * * * *", "Australia/Lord_Howe", "2026-04-05T01:00:00+11:00",
			[]string{"2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mustSchedule(t, test.cron, test.timezone)
			moment, got := at(t, test.after), []string{}
			for range test.want {
				moment = s.Next(moment)
				got = append(got, moment.Format(time.RFC3339Nano))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("ticks are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// The rules hold on every day of a year and from wherever one looks: a time of
// the day comes once, and half an hour is half an hour.
func TestScheduleNext_year(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "America/Santiago"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			for _, cron := range []string{"0 0 * * *", "45 1 * * *", "15 2 * * *", "30 2 * * *", "59 23 * * *"} {
				s, days := mustSchedule(t, cron, zone), map[string]int{}
				newYear := time.Date(2026, time.January, 1, 0, 0, 0, 0, s.zone)
				for tick := s.Next(newYear.Add(-time.Second)); tick.Year() < 2027; tick = s.Next(tick) {
					days[tick.Format(time.DateOnly)]++
					for _, before := range []time.Duration{time.Nanosecond, time.Minute, 90 * time.Minute} {
						if again := s.Next(tick.Add(-before)); !again.Equal(tick) {
							t.Errorf("%s: %v before %s the next tick is %s", cron, before, tick, again)
						}
					}
				}
				for day, n := range days {
					if n != 1 {
						t.Errorf("%s: %d ticks on %s", cron, n, day)
					}
				}
				if len(days) != 365 {
					t.Errorf("%s: ticks on %d days", cron, len(days))
				}
			}
			s := mustSchedule(t, "*/30 * * * *", zone)
			for tick := s.Next(time.Date(2026, time.January, 1, 0, 0, 0, 0, s.zone)); tick.Year() < 2027; {
				following := s.Next(tick)
				if following.Sub(tick) != 30*time.Minute {
					t.Errorf("half an hour after %s is %s", tick, following)
				}
				tick = following
			}
		})
	}
}

// A run is due once a tick lies after the last run, now included.
func TestScheduleDue(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cron, timezone, lastRun, now, tick string
		want                               bool
	}{
		"before the tick":       {"0 6 * * *", "", "2026-01-15T10:00:00Z", "2026-01-16T05:59:59.999999999Z", "2026-01-16T06:00:00Z", false},
		"at the tick":           {"0 6 * * *", "", "2026-01-15T10:00:00Z", "2026-01-16T06:00:00Z", "2026-01-16T06:00:00Z", true},
		"after the tick":        {"0 6 * * *", "", "2026-01-15T10:00:00Z", "2026-01-16T06:00:01Z", "2026-01-16T06:00:00Z", true},
		"ran at the tick":       {"0 6 * * *", "", "2026-01-16T06:00:00Z", "2026-01-16T06:00:01Z", "2026-01-17T06:00:00Z", false},
		"ran before the tick":   {"0 6 * * *", "", "2026-01-16T05:59:59.999999999Z", "2026-01-16T06:00:00Z", "2026-01-16T06:00:00Z", true},
		"ran just now":          {"0 6 * * *", "", "2026-01-16T06:00:00Z", "2026-01-16T06:00:00Z", "2026-01-17T06:00:00Z", false},
		"of many the first":     {"0 6 * * *", "", "2026-01-15T10:00:00Z", "2026-02-20T00:00:00Z", "2026-01-16T06:00:00Z", true},
		"the clock was wrong":   {"0 6 * * *", "", "2026-02-15T10:00:00Z", "2026-01-20T00:00:00Z", "2026-02-16T06:00:00Z", false},
		"written in other ways": {"0 6 * * *", "Europe/Madrid", "2026-01-15T20:00:00-05:00", "2026-01-16T05:00:00Z", "2026-01-16T06:00:00+01:00", true},
		"in the jump, before":   {"30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00Z", "2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00", false},
		"in the jump, at":       {"30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-29T03:00:00+02:00", true},
		"in the jump, made up":  {"30 2 * * *", "Europe/Madrid", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00", false},
		"in the repeat, ran":    {"30 2 * * *", "Europe/Madrid", "2026-10-25T02:30:10+02:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00", false},
		"in the repeat, late":   {"30 2 * * *", "Europe/Madrid", "2026-10-24T12:00:00Z", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+02:00", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tick, ok := mustSchedule(t, test.cron, test.timezone).Due(at(t, test.lastRun), at(t, test.now))
			if got := tick.Format(time.RFC3339Nano); got != test.tick || ok != test.want {
				t.Errorf("due is %s, %t, want %s, %t", got, ok, test.tick, test.want)
			}
		})
	}
}
