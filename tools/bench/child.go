package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// workload is measured in a process of its own.
type workload struct {
	Kind   string // floor, survey, run, refresh or soak
	Source string // the format or the database of the segment; CSV by default
	Path   string // of the segment
	Rows   int
	Track  bool // finds out what has changed

	// For a run or a refresh.
	BaseURL   string
	APIKey    string
	AccountID string
	ListIDs   []string       // each gets an export, all at the same time
	Surveyed  *export.Survey // the survey of the plan before an apply
	StopAfter time.Duration  // the run is cancelled then; 0: never
}

// cost is what a workload takes.
type cost struct {
	CPU    float64 // seconds of processor time, user and system
	Wall   float64 // seconds
	Peak   float64 // MiB of resident memory
	Survey *export.Survey
	Stop   float64   // seconds from being cancelled to the end
	Left   []residue // after each apply of a soak test
}

// report is what the process of a workload prints.
type report struct {
	Survey *export.Survey
	Peak   float64 // MiB; 0 where the system does not say
	Stop   float64 // seconds from being cancelled to the end
	Left   []residue
}

// measure runs a workload in a new process.
func measure(ctx context.Context, w workload) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	spec, err := json.Marshal(w)
	if err != nil {
		return cost{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-workload", string(spec))
	cmd.Stderr = os.Stderr
	started := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return cost{}, fmt.Errorf("%s of %d rows: %w", w.Kind, w.Rows, err)
	}
	c := cost{Wall: time.Since(started).Seconds()}
	state := cmd.ProcessState
	c.CPU = (state.UserTime() + state.SystemTime()).Seconds()
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return cost{}, err
	}
	c.Left = r.Left
	if c.Survey, c.Peak, c.Stop = r.Survey, r.Peak, r.Stop; c.Peak == 0 {
		c.Peak, err = peakMemory(state)
	}
	return c, err
}

// ownPeak is the peak memory of this process in MiB, 0 where the system does not
// say. It is better than peakMemory on Linux, where a child starts with the
// parent's peak.
func ownPeak() float64 {
	kibibytes, err := processStatus("self", "VmHWM")
	if err != nil {
		return 0
	}
	return kibibytes / 1024
}

func peakMemory(state *os.ProcessState) (float64, error) {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("this system does not report the memory of a process")
	}
	const kibibytes = 1024 // what Linux counts in
	return float64(usage.Maxrss) / kibibytes, nil
}

// runWorkload runs a workload in this process and prints the report.
func runWorkload(ctx context.Context, spec string, out io.Writer) error {
	var w workload
	if err := json.NewDecoder(strings.NewReader(spec)).Decode(&w); err != nil {
		return err
	}
	if w.StopAfter > 0 {
		stop, err := w.stop(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(report{Stop: stop.Seconds()})
	}
	if w.Kind == "soak" {
		left, err := w.soak(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(report{Left: left, Peak: ownPeak()})
	}
	survey, err := w.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(report{Survey: survey, Peak: ownPeak()})
}

// stop cancels the workload while it runs and returns how long it takes to end.
func (w workload) stop(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var at time.Time
	timer := time.AfterFunc(w.StopAfter, func() { at = time.Now(); cancel() })
	_, err := w.run(ctx)
	ended := time.Now()
	if timer.Stop() || err == nil {
		return 0, fmt.Errorf("it ended before it could be cancelled: %w", err)
	}
	return ended.Sub(at), nil
}

// run returns the survey if that is what is measured.
func (w workload) run(ctx context.Context) (*export.Survey, error) {
	if w.Kind == "floor" {
		debug.SetGCPercent(-1) // a collection costs more the more packages this program links, which is no matter of the floor
		return nil, w.read(ctx)
	}
	export.TuneMemory() // as the provider does
	switch w.Kind {
	case "survey":
		e := newExport(w.source(), "", "")
		if w.Track {
			e.TrackChanges, e.Acknowledged = true, sketch.New(sketch.Salt{1}, sketch.CellsFor(w.Rows))
		}
		s, err := e.Survey(ctx)
		if err == nil && s.Profiles != int64(w.Rows) {
			err = fmt.Errorf("surveyed %d profiles", s.Profiles)
		}
		return s, err
	case "run":
		client, err := w.client()
		if err != nil {
			return nil, err
		}
		return nil, runAll(ctx, client, w)
	case "refresh":
		return nil, refreshAll(ctx, w)
	default:
		return nil, errors.New("no such kind of workload: " + strconv.Quote(w.Kind))
	}
}

// read is the floor: it only reads the segment.
func (w workload) read(ctx context.Context) error {
	switch w.Source {
	case fromParquet:
		return readParquet(w)
	case fromPostgres:
		return readPostgres(ctx, w)
	case fromClickHouse:
		return readClickHouse(ctx, w)
	default:
		return readCSV(w)
	}
}

func (w workload) client() (*klaviyo.Client, error) {
	return klaviyo.New(klaviyo.Options{APIKey: w.APIKey, BaseURL: w.BaseURL})
}

// runAll exports the segment to all lists at the same time with one client, as the
// resources of a configuration do.
func runAll(ctx context.Context, client *klaviyo.Client, w workload) error {
	errs := make([]error, len(w.ListIDs))
	var running sync.WaitGroup
	for i, list := range w.ListIDs {
		running.Go(func() {
			e := newExport(w.source(), w.AccountID, list)
			e.TrackChanges = w.Track
			result, err := e.Run(ctx, client, export.RunOptions{Surveyed: w.Surveyed})
			if err == nil && result.Exported != int64(w.Rows) {
				err = fmt.Errorf("exported %d profiles", result.Exported)
			}
			errs[i] = err
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// readCSV parses the file with encoding/csv.
func readCSV(w workload) error {
	f, err := os.Open(w.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 128<<10))
	r.ReuseRecord = true
	rows := -1 // the header
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		rows++
	}
	return w.checkRows(rows)
}
