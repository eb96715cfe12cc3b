package profile

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// cutDate splits a date without a time of day: year-month-day with two digits
// each for month and day, or month/day/year, as Dynamics 365 exports it, with
// one or two. With dayFirst, the latter is day/month/year.
func cutDate(s string, dayFirst bool) (year, month, day string, ok bool) {
	switch n := len(s); {
	case n < len("1/2/2006") || n > len(time.DateOnly):
		return "", "", "", false
	case n == len(time.DateOnly) && s[4] == '-' && s[7] == '-':
		return s[:4], s[5:7], s[8:], true
	default:
		first, last := 1, n-len("/2006")
		if s[1] != '/' {
			first = 2
		}
		fits := s[first] == '/' && s[last] == '/' && uint(last-first-len("/")-1) < 2
		if !fits {
			return "", "", "", false
		}
		month, day = s[:first], s[first+1:last]
		if dayFirst {
			month, day = day, month
		}
		return s[last+1:], month, day, true
	}
}

// appendDate appends a date if it exists.
func appendDate(dst []byte, year, month, day string) ([]byte, bool) {
	century, ok1 := twoDigits(year[:2])
	rest, ok2 := twoDigits(year[2:])
	m, ok3 := twoDigits(month)
	d, ok4 := twoDigits(day)
	y := 100*century + rest
	if !(ok1 && ok2 && ok3 && ok4) || !dateExists(y, m, d) {
		return dst, false
	}
	return append(dst, '"', year[0], year[1], year[2], year[3],
		'-', '0'+byte(m/10), '0'+byte(m%10), '-', '0'+byte(d/10), '0'+byte(d%10), '"'), true
}

// dateExists reports whether a date of the years that ISO 8601 writes exists.
func dateExists(year, month, day uint) bool {
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && (day <= 28 || day <= daysIn(month, year))
}

// twoDigits is the value of one or two digits.
func twoDigits(s string) (uint, bool) {
	tens, ones := s[0]-'0', s[len(s)-1]-'0'
	ok := tens < 10 && ones < 10
	if len(s) == 1 {
		tens = 0
	}
	return uint(10*tens + ones), ok
}

func daysIn(month, year uint) uint {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// appendDatetime writes a date as YYYY-MM-DD and a point in time as RFC 3339;
// one without a zone is in UTC. It takes what can be read in one way only, and
// month/day/year; day/month/year with dayFirst.
func appendDatetime(dst []byte, s string, dayFirst bool) ([]byte, bool) {
	if year, month, day, ok := cutDate(s, dayFirst); ok {
		return appendDate(dst, year, month, day)
	}
	m, ok := readMoment(s, dayFirst)
	if !ok {
		return dst, false
	}
	return m.append(dst)
}

// readMoment reads a date or a point in time, which need not exist.
func readMoment(s string, dayFirst bool) (m moment, ok bool) {
	if isEndOfTime(s) {
		return m, false
	}
	s = plainSpaces(s)
	r := dateReader{rest: s, dayFirst: dayFirst}
	if r.read(&m) {
		return m, true
	}
	return readNamedMonth(s)
}

// plainSpaces replaces the other spaces that programs write before AM and PM.
func plainSpaces(s string) string {
	if strings.IndexByte(s, 0xC2) < 0 && strings.IndexByte(s, 0xE2) < 0 {
		return s
	}
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ").Replace(s)
}

// moment is a date, with or without a time of day.
type moment struct {
	year, month, day     uint
	timed                bool
	hour, minute, second uint
	fraction             string // digits of the second
	offset               int    // seconds east of UTC

	zoned   bool // the offset was given
	yearEnd bool // the year came after two numbers, whose order is a convention
}

func (m *moment) exists() bool {
	return dateExists(m.year, m.month, m.day) && m.hour <= 23 && m.minute <= 59 && m.second <= 59
}

// time is the moment in UTC, precise to the nanosecond.
func (m *moment) time() time.Time {
	nanoseconds, _ := strconv.Atoi((m.fraction + "000000000")[:9]) // digits
	return time.Date(int(m.year), time.Month(m.month), int(m.day), int(m.hour), int(m.minute), int(m.second)-m.offset, nanoseconds, time.UTC)
}

// append appends the moment as JSON if it exists.
func (m *moment) append(dst []byte) ([]byte, bool) {
	if !m.exists() {
		return dst, false
	}
	if m.timed && m.offset%60 != 0 { // RFC 3339 has offsets of whole minutes
		m.toUTC()
		if m.year < 1 || m.year > 9999 {
			return dst, false
		}
	}
	dst = appendPadded(append(dst, '"'), m.year, 4)
	dst = appendPadded(append(dst, '-'), m.month, 2)
	dst = appendPadded(append(dst, '-'), m.day, 2)
	if !m.timed {
		return append(dst, '"'), true
	}
	dst = appendPadded(append(dst, 'T'), m.hour, 2)
	dst = appendPadded(append(dst, ':'), m.minute, 2)
	dst = appendPadded(append(dst, ':'), m.second, 2)
	if fraction := strings.TrimRight(m.fraction, "0"); fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	if m.offset == 0 {
		return append(dst, 'Z', '"'), true
	}
	sign, minutes := byte('+'), m.offset/60
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	dst = appendPadded(append(dst, sign), uint(minutes/60), 2)
	dst = appendPadded(append(dst, ':'), uint(minutes%60), 2)
	return append(dst, '"'), true
}

func (m *moment) toUTC() {
	t := m.time()
	if t.Year() < 0 {
		m.year = 0
		return
	}
	m.year, m.month, m.day = uint(t.Year()), uint(t.Month()), uint(t.Day())
	m.hour, m.minute, m.second, m.offset = uint(t.Hour()), uint(t.Minute()), uint(t.Second()), 0
}

// appendPadded appends a number of at least so many digits.
func appendPadded(dst []byte, n uint, digits int) []byte {
	for limit := uint(1); digits > 1; digits-- {
		if limit *= 10; n < limit {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// dateReader reads a moment from left to right.
type dateReader struct {
	rest     string
	dayFirst bool
}

func (r *dateReader) read(m *moment) bool {
	if !r.date(m) {
		return false
	}
	if r.rest == "" {
		return true
	}
	if !r.take("T") && !r.take("t") && !r.take(",") && r.rest[0] != ' ' {
		return false
	}
	r.spaces()
	m.timed = true
	return r.clock(m) && r.zone(m) && r.rest == ""
}

// date reads year-month-day, year/month/day and year.month.day; yearmonthday if a
// time follows; month/day/year; and with dayFirst day/month/year, day.month.year
// and day-month-year.
func (r *dateReader) date(m *moment) (ok bool) {
	first, n := r.number(8)
	switch {
	case n == 8 && strings.HasPrefix(r.rest, "T"):
		m.year, m.month, m.day = first/10_000, first/100%100, first%100
		return true
	case n == 4:
		m.year = first
		separator, ok := r.separator("-/.")
		if !ok {
			return false
		}
		m.month, n = r.number(2)
		if n == 0 || !r.take(separator) {
			return false
		}
		m.day, n = r.number(2)
		return n > 0
	case n != 1 && n != 2:
		return false
	}
	separators := "/"
	if r.dayFirst {
		separators = "/.-"
	}
	separator, ok := r.separator(separators)
	if !ok {
		return false
	}
	second, n := r.number(2)
	if n == 0 || !r.take(separator) {
		return false
	}
	m.month, m.day, m.yearEnd = first, second, true
	if r.dayFirst {
		m.month, m.day = second, first
	}
	m.year, n = r.number(4)
	return n == 4
}

// clock reads hours, minutes, and perhaps seconds, a fraction, AM or PM.
func (r *dateReader) clock(m *moment) bool {
	var n int
	if m.hour, n = r.number(6); n == 6 { // 100000
		m.hour, m.minute, m.second = m.hour/10_000, m.hour/100%100, m.hour%100
		return true
	}
	if n < 1 || n > 2 || !r.take(":") {
		return false
	}
	if m.minute, n = r.number(2); n != 2 {
		return false
	}
	if r.take(":") {
		if m.second, n = r.number(2); n != 2 {
			return false
		}
		if r.take(".") || r.take(",") {
			if m.fraction, r.rest = cutDigits(r.rest); m.fraction == "" {
				return false
			}
		}
	}
	return r.half(m)
}

// half reads AM or PM.
func (r *dateReader) half(m *moment) bool {
	text := strings.TrimLeft(r.rest, " ")
	if len(text) < 2 || text[1]|0x20 != 'm' || text[0]|0x20 != 'a' && text[0]|0x20 != 'p' {
		return true
	}
	r.rest = text[2:]
	if m.hour < 1 || m.hour > 12 {
		return false
	}
	m.hour %= 12
	if text[0]|0x20 == 'p' {
		m.hour += 12
	}
	return true
}

// zone reads Z, UTC, GMT, an offset, or both. What follows an offset only names
// it: +0100 CET, +01:00[Europe/Paris], +0100 (Central European Time).
func (r *dateReader) zone(m *moment) bool {
	r.spaces()
	m.zoned = r.take("Z") || r.take("z") || r.take("UTC") || r.take("GMT")
	if m.zoned {
		r.spaces()
	}
	if r.rest == "" {
		return true
	}
	if sign := r.rest[0]; sign == '+' || sign == '-' {
		r.rest = r.rest[1:]
		if !r.offset(m) {
			return false
		}
		if sign == '-' {
			m.offset = -m.offset
		}
		m.zoned = true
		r.name()
		return true
	}
	return false
}

// offset reads hours, and perhaps minutes and seconds.
func (r *dateReader) offset(m *moment) bool {
	var parts [3]uint
	for i := range parts {
		if i > 0 && (r.rest == "" || !r.take(":") && !isDigit(r.rest[0])) {
			break
		}
		var n int
		if parts[i], n = r.number(2); n != 2 && (n != 1 || i > 0) { // UTC+1
			return false
		}
	}
	m.offset = int(3600*parts[0] + 60*parts[1] + parts[2])
	return parts[0] < 24 && parts[1] < 60 && parts[2] < 60
}

// name skips the name of a zone behind its offset.
func (r *dateReader) name() {
	text := strings.TrimLeft(r.rest, " ")
	bracketed := len(text) > 2 && (text[0] == '(' && text[len(text)-1] == ')' || text[0] == '[' && text[len(text)-1] == ']')
	if bracketed || len(text) >= 3 && len(text) <= 5 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		r.rest = ""
	}
}

// number reads at most so many digits.
func (r *dateReader) number(most int) (value uint, digits int) {
	for digits < most && digits < len(r.rest) && isDigit(r.rest[digits]) {
		value = 10*value + uint(r.rest[digits]-'0')
		digits++
	}
	r.rest = r.rest[digits:]
	return value, digits
}

func (r *dateReader) take(prefix string) (ok bool) {
	r.rest, ok = strings.CutPrefix(r.rest, prefix)
	return ok
}

// separator reads one of several characters.
func (r *dateReader) separator(of string) (string, bool) {
	if r.rest == "" || strings.IndexByte(of, r.rest[0]) < 0 {
		return "", false
	}
	taken := r.rest[:1]
	r.rest = r.rest[1:]
	return taken, true
}

func (r *dateReader) spaces() { r.rest = strings.TrimLeft(r.rest, " ") }

// monthLayouts are dates whose month is a name, with the clock left to the reader.
var monthLayouts = []string{
	"Mon, 2 Jan 2006", "Mon Jan 2 2006", "2 Jan 2006", "2-Jan-2006", "Jan 2, 2006", "Jan 2 2006", "January 2, 2006", "2 January 2006",
	"Monday, January 2, 2006", "Monday, 2 January 2006",
}

// readNamedMonth reads a moment whose month is a name: "21 Feb 2026",
// "Sat, 21 Feb 2026 10:00:00 GMT", "Sat Feb 21 2026 10:00:00 GMT+0100 (CET)".
func readNamedMonth(s string) (m moment, ok bool) {
	date, clock := s, ""
	if colon := strings.IndexByte(s, ':'); colon >= 0 {
		space := strings.LastIndexByte(s[:colon], ' ')
		if space < 0 {
			return m, false
		}
		date, clock = strings.TrimRight(s[:space], " ,"), s[space+1:]
	}
	date = strings.Join(strings.Fields(date), " ") // "Apr  9 2025"
	for _, layout := range monthLayouts {
		t, err := time.Parse(layout, date)
		if err != nil || t.Year() < 1 {
			continue
		}
		m = moment{year: uint(t.Year()), month: uint(t.Month()), day: uint(t.Day()), timed: clock != ""}
		r := dateReader{rest: clock}
		return m, clock == "" || r.clock(&m) && r.zone(&m) && r.rest == ""
	}
	return m, false
}

// appendEpoch appends the point in time of a number.
func appendEpoch(dst []byte, s string) ([]byte, bool) {
	t, ok := readEpoch(s)
	if !ok {
		return dst, false
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"'), true
}

// readEpoch reads the point in time of a number: seconds, milliseconds or
// microseconds since 1970, which their size tells apart. A number that is none of
// them for sure, such as a date 20261123 or a day 45000 of a spreadsheet, is
// refused, and so is a calendar time such as 20261123060000.
func readEpoch(s string) (t time.Time, ok bool) {
	// Seconds from 1973 to 2201. What is more in one unit is a date in the next one, as
	// birthdays of 1971 in milliseconds are.
	const least, most = 1e8, 7.3e9
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || isCalendarTime(n) {
		return t, false
	}
	whole, integral := integer(s, true)
	exact, err := strconv.ParseInt(whole, 10, 64)
	integral = integral && err == nil
	switch size := math.Abs(n); {
	case size < least:
		return t, false
	case size < most && integral:
		t = time.Unix(exact, 0)
	case size < most:
		t = time.UnixMicro(int64(math.Round(n * 1e6)))
	case size < 1e3*most && integral:
		t = time.UnixMilli(exact)
	case size < 1e3*most:
		t = time.UnixMicro(int64(math.Round(n * 1e3)))
	case size < 1e6*most && integral:
		t = time.UnixMicro(exact)
	default:
		return t, false
	}
	return t.UTC(), true
}

// isCalendarTime reports whether the digits of a number are a year, a month, a day and
// a time of day, as in 20261123060000 and 202611230600. As milliseconds, a few points
// in time of 1976 have such digits: they are left out rather than any calendar time
// taken for one of them.
func isCalendarTime(n float64) bool {
	const seconds, minutes = 1_00_00_00_00_00, 1_00_00_00_00 // in a year's number
	if n < 1900*minutes || n >= 2101*seconds {
		return false
	}
	digits := uint64(n)
	if n < 2101*minutes {
		digits *= 100
	}
	date, clock := uint(digits/1_00_00_00), uint(digits%1_00_00_00)
	m := moment{
		year: date / 1_00_00, month: date / 100 % 100, day: date % 100,
		hour: clock / 1_00_00, minute: clock / 100 % 100, second: clock % 100,
	}
	return m.year >= 1900 && m.exists()
}

// isNoDate reports whether a text is written as a date and stands for none:
// 0000-00-00, 1990-02-00, an infinity with its sign, and years beyond 9999 or
// before 1, in which databases and programs express infinity and "not a time": in
// milliseconds that is the year 292278994.
func isNoDate(s string) bool {
	if len(s) < len(time.DateOnly) {
		return s == "+infinity" || s == "-infinity"
	}
	d, ok := readShape(s)
	switch {
	case !ok:
		return false
	case d.beyond:
		return true
	case d.year == 0:
		return d.month == 0 && d.day == 0
	default:
		return d.isRecent() && (d.month == 0 || d.day == 0) || isEndOfTime(s)
	}
}

// isImpossibleDate reports whether a text is written as a date of a day that its
// month does not have.
func isImpossibleDate(s string) bool {
	if len(s) < len(time.DateOnly) || s[4] != '-' || s[8:10] < "29" {
		return false
	}
	d, ok := readShape(s)
	return ok && !d.beyond && d.isRecent() && !dateExists(d.year, d.month, d.day)
}

// shape is a text that is written as a date, with or without a time of day.
type shape struct {
	year, month, day uint
	beyond           bool // the year is beyond 9999 or before 1
}

// isRecent reports whether it is more likely a date than a number of something, as
// 1001-00-27 may be.
func (d shape) isRecent() bool { return d.year >= 1800 && d.year < 2200 }

func readShape(s string) (d shape, ok bool) {
	signed := s[0] == '-' || s[0] == '+'
	if signed {
		s = s[1:]
	}
	digits, rest := cutDigits(s)
	if len(digits) < 4 || len(digits) > 9 || len(rest) < len("-01-01") || rest[0] != '-' || rest[3] != '-' {
		return d, false
	}
	var monthOK, dayOK bool
	d.month, monthOK = twoDigits(rest[1:3])
	d.day, dayOK = twoDigits(rest[4:6])
	if !monthOK || !dayOK || d.month > 12 || d.day > 31 {
		return d, false
	}
	after, before := strings.CutSuffix(rest[len("-01-01"):], " BC")
	switch {
	case after == "":
		if len(digits) > 7 { // 20260228-01-01 may be a number of something
			return d, false
		}
	case len(after) < len("T00:00"), after[0] != 'T' && after[0] != ' ', after[3] != ':':
		return d, false
	}
	for i := range len(digits) {
		d.year = 10*d.year + uint(digits[i]-'0')
	}
	d.beyond = len(digits) > 4 || signed || before
	return d, true
}

// isEndOfTime reports whether a text is the first or the last point in time that
// 64 bits of nanoseconds express.
func isEndOfTime(s string) bool {
	switch {
	case len(s) < len("1677-09-21T00:12:43.14522419"):
		return false
	case s[:4] == "1677":
		return s[5:10] == "09-21" && strings.HasPrefix(s[11:], "00:12:43.14522419")
	default:
		return s[:10] == "2262-04-11" && strings.HasPrefix(s[11:], "23:47:16.85477580")
	}
}

// isInfinite reports whether a text is what PostgreSQL writes for a date that is
// before or after all others.
func isInfinite(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "infinity", "inf":
		return true
	}
	return false
}
