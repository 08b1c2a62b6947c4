package run_test

import (
	"math"
	"testing"

	"github.com/januslm/janus/train/run"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{run.AtLeast("epochs", 1, 1), ""},
		{run.AtLeast("epochs", 0, 1), "epochs is 0, expected at least 1"},
		{run.Share("warmup_ratio", 0), ""},
		{run.Share("warmup_ratio", 1), "warmup_ratio is 1, expected at least 0 and below 1"},
		{run.Share("warmup_ratio", -0.1), "warmup_ratio is -0.1, expected at least 0 and below 1"},
		{run.Share("warmup_ratio", math.NaN()), "warmup_ratio is NaN, expected at least 0 and below 1"},
	} {
		got := ""
		if c.err != nil {
			got = c.err.Error()
		}
		if got != c.want {
			t.Errorf("got %q, expected %q", got, c.want)
		}
	}
}
