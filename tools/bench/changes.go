package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// changes measures what sending only the changes saves, and what the sketch takes that
// they are known by. What it costs is among the figures of speed.
func (b *suite) changes(ctx context.Context) error {
	if err := b.sendChanges(ctx); err != nil {
		return err
	}
	return b.sketchSizes()
}

// sendChanges measures what a run sends of a segment of which a hundredth has
// changed.
func (b *suite) sendChanges(ctx context.Context) error {
	const changedIn = 100
	rows := b.rows(100_000)
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	server, w, err := startSimulator(b.path, rows, 1, false)
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := klaviyo.New(klaviyo.Options{APIKey: w.APIKey, BaseURL: w.BaseURL})
	if err != nil {
		return err
	}
	e := newExport(file.Source{Path: b.path}, w.AccountID, w.ListIDs[0])
	e.TrackChanges = true
	first, err := e.Run(ctx, client, export.RunOptions{})
	if err != nil {
		return err
	}
	requests, bytes := imports(server)
	if err := changeSegment(b.path, changedIn); err != nil {
		return err
	}
	server.ResetRequests()
	e.Acknowledged = first.Acknowledged
	second, err := e.Run(ctx, client, export.RunOptions{})
	if err != nil {
		return err
	}
	if second.Everything || second.Updated != int64(rows/changedIn) || second.Exported != second.Updated {
		return fmt.Errorf("of the changes, %d profiles were sent, everything %t", second.Updated, second.Everything)
	}
	fewRequests, fewBytes := imports(server)
	const name = "100,000 rows, 1 % changed: "
	b.add(name+"import requests of a full send", requests, -1, "%.0f")
	b.add(name+"import requests of the changes", fewRequests, 1, "%.0f")
	b.add(name+"bytes of the changes / of a full send", fewBytes/bytes, 0.012, "%.4f")
	return nil
}

// imports are how many imports a simulator got, and their bytes.
func imports(server *simulator.Server) (requests, bytes float64) {
	for _, r := range server.Requests() {
		if r.Method == http.MethodPost {
			requests++
			bytes += float64(r.BodySize)
		}
	}
	return requests, bytes
}

// speedOfChanges measures a survey and a run that make a sketch.
func (b *suite) speedOfChanges(ctx context.Context) error {
	s, err := b.sample(ctx, b.rows(1_000_000), true)
	if err != nil {
		return err
	}
	floor := slices.Min(s.floor)
	const name = "1,000,000 rows, with a sketch, "
	b.add(name+"survey: CPU / floor", slices.Min(s.survey)/floor, 3, "%.2f")
	b.add(name+"run of what was surveyed: CPU / floor", slices.Min(s.run)/floor, 3.3, "%.2f")
	b.add(name+"survey and run in one: CPU / floor", slices.Min(s.whole)/floor, -1, "%.2f")
	b.add(name+"run: peak memory, MiB", median(s.peak), 150, "%.0f")
	return nil
}

// sketchSizes measures what a sketch takes in the private state.
func (b *suite) sketchSizes() error {
	r := rand.New(rand.NewPCG(1, 2))
	for _, profiles := range []int{1000, 10_000, 100_000, 1_000_000} {
		s := sketch.New(sketch.Salt{1}, sketch.CellsFor(profiles))
		for range profiles {
			s.Add(r.Uint64(), r.Uint64())
		}
		text, err := json.Marshal(s.Encode())
		if err != nil {
			return err
		}
		b.add("sketch of "+tally.Count(int64(profiles), "profile")+" in the state: KiB", float64(len(text))/1024, 180, "%.1f")
	}
	return nil
}
