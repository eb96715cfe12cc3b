package export_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets many tests run at once, since what they do most is wait for
// the next look at a job, and looks for goroutines that are left at the end.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := runMany(flag.CommandLine); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// runMany sets how many tests run at once, unless it was said, or fuzzing would
// take it for how many processes to start.
func runMany(flags *flag.FlagSet) error {
	said := false
	flags.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said || flags.Lookup("test.fuzz").Value.String() != "" {
		return nil
	}
	return flags.Set("test.parallel", "48")
}

func TestRunMany(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want int
	}{
		{nil, 48},
		{[]string{"-test.run=x"}, 48},
		{[]string{"-test.parallel=3"}, 3},
		{[]string{"-test.fuzz=FuzzSurvey"}, 2},
		{[]string{"-test.fuzz=FuzzSurvey", "-test.parallel=3"}, 3},
	} {
		flags := flag.NewFlagSet("test", flag.ContinueOnError)
		flags.String("test.run", "", "")
		flags.String("test.fuzz", "", "")
		parallel := flags.Int("test.parallel", 2, "")
		if err := flags.Parse(tc.args); err != nil {
			t.Fatal(err)
		}
		if err := runMany(flags); err != nil || *parallel != tc.want {
			t.Errorf("%q: %d at once (%v), want %d", tc.args, *parallel, err, tc.want)
		}
	}
}
