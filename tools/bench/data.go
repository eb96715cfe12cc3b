package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// writeSegment writes a segment of eleven columns, as exports of customer data
// have them, and adds padding bytes to one of them.
func writeSegment(path string, rows, padding int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, uint64(rows)))
	more := strings.Repeat("x", padding)
	fmt.Fprintln(w, "ContactId,FirstName,LastName,EMail,Telephone,City,State,Country,Birthday,Loyalty Tier,Income")
	for i := range rows {
		first, last := pick(r, firstNames), pick(r, lastNames)
		fmt.Fprintf(w, "CNTID_%d,%s,%s,%s.%d@%s,%s,%s,%s,USA,%d/%d/%d,%s%s,%.2f\n", 1_000_000+i, first, last,
			pick(r, mailboxes), i, pick(r, domains), phone(r, i), pick(r, cities), pick(r, states),
			1+r.IntN(12), 1+r.IntN(28), 1940+r.IntN(66), pick(r, tiers), more, 20_000+r.Float64()*200_000)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return settle(path)
}

// settle dates a file back: the provider expects one that was just written to change.
func settle(path string) error {
	then := time.Now().Add(-time.Minute)
	return os.Chtimes(path, then, then)
}

// changeSegment changes the last column of one in so many rows.
func changeSegment(path string, oneIn int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	row := 0 // the header
	for line := range bytes.Lines(text) {
		if row > 0 && row%oneIn == 0 {
			line = append(bytes.TrimSuffix(bytes.Clone(line), []byte("\n")), "9\n"...)
		}
		out.Write(line)
		row++
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return err
	}
	return settle(path)
}

var (
	firstNames = []string{"Abbie", "Kenneth", "Anthony", "Michael", "Zoë", "Ana", "Jürgen", "Wei", "Fatma", "Ines"}
	lastNames  = []string{"Moss", "Beraun", "Koteles", "Lauser", "Smith", "Garcia", "Horvat", "Nguyen", "Okafor", "Li"}
	mailboxes  = []string{"abbie_moss", "kenneth.beraun", "A.Koteles", "m+lists", "info"}
	domains    = []string{"kimboyle.example", "collinsreedandhoward.example", "mail.example.org", "smithinc.example"}
	cities     = []string{"Fairfield", "Amarillo", "Inglewood", "Nashville", "\"Washington, D.C.\""}
	states     = []string{"California", "Texas", "Tennessee", "New York"}
	tiers      = []string{"high", "medium", "low", ""}
	areas      = []int{212, 310, 415, 512, 615, 702, 806, 917}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// phone returns an American number in one of the usual notations, another one for each
// row: segments in which several people share one are read twice.
func phone(r *rand.Rand, row int) string {
	const lines, step = 700 * 10_000, 1_299_709 // a prime, so that all lines come before one comes again
	n := row / len(areas) * step % lines
	area, exchange, line := areas[row%len(areas)], 200+n/10_000, n%10_000
	layouts := []string{"%d-%d-%04d", "(%d) %d-%04d", "+1%d%d%04d", "%d.%d.%04d", "001-%d-%d-%04d"}
	return fmt.Sprintf(layouts[r.IntN(len(layouts))], area, exchange, line)
}

// newExport returns an export of a segment with the columns of writeSegment.
func newExport(source segment.Source, accountID, listID string) *export.Export {
	return &export.Export{
		Segments: []pipeline.Segment{{Name: "bench", Source: source}},
		ListID:   listID,
		Destination: export.Destination{
			AccountID: accountID,
			Consent:   true,
		},
		Mapping: profile.Mapping{
			Email: "EMail", PhoneNumber: "Telephone", PhoneRegion: "US", ExternalID: "ContactId",
			Attributes: map[string]string{"first_name": "FirstName", "last_name": "LastName"},
			Location:   map[string]string{"city": "City", "region": "State", "country": "Country"},
			Properties: map[string]profile.Property{
				"birthday":     {Column: "Birthday", Type: profile.Datetime},
				"loyalty_tier": {Column: "Loyalty Tier"},
				"income":       {Column: "Income", Type: profile.Number},
			},
		},
	}
}
