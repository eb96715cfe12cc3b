package segment_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

func TestErrorIsProblemAndRemedy(t *testing.T) {
	t.Parallel()
	if got := (&segment.Error{Problem: "It is so."}).Error(); got != "It is so." {
		t.Errorf("error %q", got)
	}
	if got := (&segment.Error{Problem: "It is so.", Remedy: "Do this."}).Error(); got != "It is so. Do this." {
		t.Errorf("error %q", got)
	}
}

func TestMissingColumnsErrorIsShortForWideTables(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]string{0: "are ", 60: `"c59"`, 61: `"c59" and 1 more`, 500: `"c59" and 440 more`} {
		names := make([]string, columns)
		for i := range names {
			names[i] = fmt.Sprintf("c%d", i)
		}
		err := &segment.MissingColumnsError{Missing: []string{"x"}, Available: names}
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d columns: %v", columns, err)
		}
	}
}
