package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
)

// header is the columns that demo.tf maps.
var header = []string{
	"ContactId", "FirstName", "LastName", "EMail", "Telephone", "StreetAddress", "PostCode", "City", "State", "Country",
	"DateOfBirth", "Loyalty Tier", "Income", "Occupation",
}

// emailColumns are usual names of the column with the addresses, in lower case.
var emailColumns = []string{"email", "e-mail", "mail", "email address", "e-mail address", "email_address", "emailaddress", "emailaddress1"}

const (
	generatedRows  = 10_000
	badEmailEvery  = 97
	duplicateEvery = 83
	namelessEvery  = 41
)

var (
	firstNames  = []string{"Ana", "Bela", "Chidi", "Dara", "Emil", "Fatma", "Goran", "Hana", "Ines", "Jonas", "Kaito", "Lena", "Mara", "Nils"}
	lastNames   = []string{"Abara", "Bauer", "Costa", "Duarte", "Eriksen", "Fontaine", "Garcia", "Horvat", "Ito", "Jansen", "Kowalski", "Li"}
	cities      = [][3]string{{"Fairfield", "CA", "94533"}, {"Austin", "TX", "73301"}, {"Boston", "MA", "02108"}, {"Denver", "CO", "80202"}}
	tiers       = []string{"high", "medium", "low"}
	occupations = []string{"Teacher", "Engineer", "Nurse", "Chef", "Carpenter, self-employed"}
	badEmails   = []string{"", "not an address", "name@", "@example.com", "two@@example.com", "name@localhost"}
)

// generateSegment writes a segment with typical flaws and describes them.
func generateSegment(file string) (flaws string, err error) {
	people := rand.New(rand.NewPCG(1, 2))
	rows := [][]string{header}
	bad, duplicates, nameless := 0, 0, 0
	for i := range generatedRows {
		row := person(people, i)
		switch {
		case i%badEmailEvery == badEmailEvery-1:
			row[3] = badEmails[bad%len(badEmails)]
			bad++
		case i%duplicateEvery == duplicateEvery-1:
			row = slices.Clone(rows[len(rows)-7])
			row[3] = strings.ToUpper(row[3])
			duplicates++
		case i%namelessEvery == namelessEvery-1:
			row[1], row[2] = "", ""
			nameless++
		}
		rows = append(rows, row)
	}
	flaws = fmt.Sprintf("%d bad addresses, %d duplicates in capitals, %d people without a name", bad, duplicates, nameless)
	return flaws, writeRows(file, os.O_CREATE|os.O_TRUNC, rows)
}

// person generates the i-th person.
func person(r *rand.Rand, i int) []string {
	first, last := firstNames[r.IntN(len(firstNames))], lastNames[r.IntN(len(lastNames))]
	city := cities[r.IntN(len(cities))]
	return []string{
		fmt.Sprintf("C-%06d", i), first, last,
		strings.ToLower(fmt.Sprintf("%s.%s.%d@example.com", first, last, i)),
		fmt.Sprintf("(%d) 555-01%02d", 201+r.IntN(600), r.IntN(100)),
		fmt.Sprintf("%d Main Street", 1+r.IntN(999)), city[2], city[0], city[1], "USA",
		fmt.Sprintf("%d/%d/%d", 1+r.IntN(12), 1+r.IntN(28), 1940+r.IntN(66)),
		tiers[r.IntN(len(tiers))], fmt.Sprintf("%.2f", 20_000+r.Float64()*100_000), occupations[r.IntN(len(occupations))],
	}
}

// addPeople puts 250 new people into a generated segment.
func addPeople(file string) error {
	people := rand.New(rand.NewPCG(3, 4))
	var rows [][]string
	for i := range 250 {
		rows = append(rows, person(people, 1_000_000+i))
	}
	return writeRows(file, os.O_APPEND, rows)
}

func writeRows(file string, flag int, rows [][]string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|flag, 0o600)
	if err != nil {
		return err
	}
	if err := csv.NewWriter(f).WriteAll(rows); err != nil {
		_ = f.Close() // the write error counts
		return err
	}
	return f.Close()
}

func readRows(file string) (columns []string, rows [][]string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	buffered := bufio.NewReader(f)
	start, _ := buffered.Peek(4096)
	header, _, _ := strings.Cut(string(start), "\n")
	r := csv.NewReader(buffered)
	if strings.Count(header, ";") > strings.Count(header, ",") {
		r.Comma = ';'
	}
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	if columns, err = r.Read(); err != nil {
		return nil, nil, err
	}
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff")
	for {
		row, err := r.Read()
		if err == io.EOF {
			return columns, rows, nil
		}
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
}

// plausible is the demo's own rule for email addresses.
var plausible = regexp.MustCompile(`^[a-z0-9.!#$%&'*+/=?^_{|}~-]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)

// validEmails are the valid addresses of a segment, each once, sorted. column is where
// they are, empty for the column with a usual name.
func validEmails(file, column string) ([]string, error) {
	columns, rows, err := readRows(file)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(columns, func(name string) bool {
		if column != "" {
			return name == column
		}
		return slices.Contains(emailColumns, strings.ToLower(strings.TrimSpace(name)))
	})
	if at < 0 {
		return nil, fmt.Errorf("%s has no column with a name such as email, among %q", file, columns)
	}
	var emails []string
	for _, row := range rows {
		if len(row) != len(columns) {
			continue
		}
		if email := strings.ToLower(strings.TrimSpace(row[at])); plausible.MatchString(email) {
			emails = append(emails, email)
		}
	}
	slices.Sort(emails)
	return slices.Compact(emails), nil
}

// difference returns what is in a and not in b; both are sorted.
func difference(a, b []string) []string {
	var out []string
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			out = append(out, s)
		}
	}
	return out
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
