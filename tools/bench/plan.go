package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// parallelism is how many resources Terraform refreshes at the same time.
const parallelism = 10

// plan measures a plan of many exports in which nothing has changed, under Klaviyo's
// official limits: each looks up a sample of its people on its list.
func (b *suite) plan(ctx context.Context) error {
	const exports = 60
	rows := b.rows(10_000)
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	members, err := addressesIn(b.path)
	if err != nil {
		return err
	}
	var walls []float64
	throttled := 0
	for range min(b.rounds, 3) {
		server, refresh, err := startSimulator(b.path, rows, exports, true)
		if err != nil {
			return err
		}
		refresh.Kind = "refresh"
		for _, list := range refresh.ListIDs {
			server.AddMembers(list, members...)
		}
		c, err := measure(ctx, refresh)
		throttled += server.Throttled()
		server.Close()
		if err != nil {
			return err
		}
		walls = append(walls, c.Wall)
	}
	b.add("plan of 60 unchanged exports that look up a sample, under Klaviyo's limits: seconds", median(walls), 20, "%.1f")
	b.add("plan of 60 unchanged exports: answers 429, all rounds", float64(throttled), 0, "%.0f")
	return nil
}

// addressesIn are the addresses of a segment of writeSegment.
func addressesIn(path string) (emails []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "CNTID_"); ok {
			emails = append(emails, strings.ToLower(strings.Split(rest, ",")[3]))
		}
	}
	return emails, lines.Err()
}

// refreshAll asks of each export what a refresh and a plan ask, as the resources of a
// configuration do, with one client.
func refreshAll(ctx context.Context, w workload) error {
	client, err := klaviyo.New(klaviyo.Options{APIKey: w.APIKey, BaseURL: w.BaseURL})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelism)
	for _, list := range w.ListIDs {
		g.Go(func() error { return refresh(ctx, w, client, list) })
	}
	return g.Wait()
}

func refresh(ctx context.Context, w workload, client *klaviyo.Client, listID string) error {
	e := newExport(w.source(), w.AccountID, listID)
	connect := func() (*klaviyo.Client, error) { return client, nil }
	if _, err := e.Preflight(ctx, export.Preflight{Connect: connect}); err != nil {
		return err
	}
	survey, sample, err := e.SurveySampled(ctx)
	if err != nil {
		return err
	}
	found, err := e.CheckSample(ctx, client, survey, sample, export.LastSent{Fingerprint: survey.Fingerprint})
	if err == nil && (found == nil || found.People != int64(min(w.Rows, klaviyo.MaxLookup)) || found.Missing != 0) {
		err = fmt.Errorf("the sample found %+v", found)
	}
	return err
}
