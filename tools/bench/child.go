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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// job is a piece of work that is measured in a process of its own.
type job struct {
	Kind   string // floor, survey or run
	Source string // what the segment is in; CSV by default
	Path   string // of the segment
	Rows   int

	// For a run.
	BaseURL   string
	APIKey    string
	AccountID string
	ListIDs   []string       // an export to each, all at once
	Surveyed  *export.Survey // as the plan before an apply has made it
	StopAfter time.Duration  // it is cancelled then; 0 for never
}

// cost is what a job took.
type cost struct {
	CPU    float64 // seconds of processor time, user and system
	Wall   float64 // seconds
	Peak   float64 // MiB of resident memory at most
	Survey *export.Survey
	Stop   float64 // seconds from being cancelled to the end
}

// told is what the process of a job says of it.
type told struct {
	Survey *export.Survey
	Peak   float64 // MiB; 0 where a process cannot know
	Stop   float64 // seconds from being cancelled to the end
}

// measure runs a job in a new process.
func measure(ctx context.Context, j job) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	spec, err := json.Marshal(j)
	if err != nil {
		return cost{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-job", string(spec))
	cmd.Stderr = os.Stderr
	started := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return cost{}, fmt.Errorf("%s of %d rows: %w", j.Kind, j.Rows, err)
	}
	c := cost{Wall: time.Since(started).Seconds()}
	state := cmd.ProcessState
	c.CPU = (state.UserTime() + state.SystemTime()).Seconds()
	var t told
	if err := json.Unmarshal(out, &t); err != nil {
		return cost{}, err
	}
	if c.Survey, c.Peak, c.Stop = t.Survey, t.Peak, t.Stop; c.Peak == 0 {
		c.Peak, err = peakMemory(state)
	}
	return c, err
}

// ownPeak is the peak memory of this process in MiB, 0 where the system does not
// say. What the parent is told of a child includes the memory of the parent.
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
		return 0, errors.New("this system does not tell the memory of a process")
	}
	const kibibytes = 1024 // what Linux counts in
	return float64(usage.Maxrss) / kibibytes, nil
}

// do carries a job out, in the process made for it.
func do(ctx context.Context, spec string, out io.Writer) error {
	var j job
	if err := json.NewDecoder(strings.NewReader(spec)).Decode(&j); err != nil {
		return err
	}
	if j.StopAfter > 0 {
		stop, err := j.stop(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(told{Stop: stop.Seconds()})
	}
	survey, err := j.do(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(told{Survey: survey, Peak: ownPeak()})
}

// stop cancels the job half-way and returns how long it took to end.
func (j job) stop(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var at time.Time
	timer := time.AfterFunc(j.StopAfter, func() { at = time.Now(); cancel() })
	_, err := j.do(ctx)
	ended := time.Now()
	if timer.Stop() || err == nil {
		return 0, fmt.Errorf("it was over before it could be cancelled: %w", err)
	}
	return ended.Sub(at), nil
}

// do returns the survey if that is the job.
func (j job) do(ctx context.Context) (*export.Survey, error) {
	if j.Kind == "floor" {
		return nil, j.read(ctx)
	}
	export.TuneMemory() // as the provider does
	switch j.Kind {
	case "survey":
		s, err := declared(j.source(), "", "").Survey(ctx)
		if err == nil && s.Profiles != int64(j.Rows) {
			err = fmt.Errorf("surveyed %d profiles", s.Profiles)
		}
		return s, err
	case "run":
		return nil, runAll(ctx, j)
	default:
		return nil, errors.New("no such job: " + strconv.Quote(j.Kind))
	}
}

// read only reads the segment.
func (j job) read(ctx context.Context) error {
	switch j.Source {
	case fromParquet:
		return readParquet(j)
	case fromPostgres:
		return readPostgres(ctx, j)
	default:
		return readOnly(j)
	}
}

// runAll exports the segment to all lists at once with one client, as the
// resources of a configuration do.
func runAll(ctx context.Context, j job) error {
	client, err := klaviyo.New(klaviyo.Options{APIKey: j.APIKey, BaseURL: j.BaseURL})
	if err != nil {
		return err
	}
	errs := make([]error, len(j.ListIDs))
	var running sync.WaitGroup
	for i, list := range j.ListIDs {
		running.Go(func() {
			result, err := declared(j.source(), j.AccountID, list).Run(ctx, client, export.RunOptions{Surveyed: j.Surveyed})
			if err == nil && result.Exported != int64(j.Rows) {
				err = fmt.Errorf("exported %d profiles", result.Exported)
			}
			errs[i] = err
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// readOnly is the floor: nothing but parsing the file.
func readOnly(j job) error {
	f, err := os.Open(j.Path)
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
	return j.checkRows(rows)
}
