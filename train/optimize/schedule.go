package optimize

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Schedules of the learning rate after the warm-up.
const (
	Constant = "constant" // stays
	Linear   = "linear"   // falls to 0 in a line
	Cosine   = "cosine"   // falls to 0 along half a cosine
)

// Schedules lists them.
func Schedules() []string { return []string{Constant, Linear, Cosine} }

// Schedule is how the learning rate goes over a run, as Transformers' get_scheduler has it: it grows in a line from 0 over the
// warm-up, and then does what Kind says until the last step.
type Schedule struct {
	Kind   string
	Warmup int // steps
	Total  int // steps of the run; Constant does not need it
}

// Check refuses values that no training can have.
func (s Schedule) Check() error {
	switch {
	case !slices.Contains(Schedules(), s.Kind):
		return fmt.Errorf("schedule %q: expected one of %s", s.Kind, strings.Join(Schedules(), ", "))
	case s.Warmup < 0:
		return fmt.Errorf("the warm-up has %d steps, expected 0 or more", s.Warmup)
	case s.Kind != Constant && s.Total < 1:
		return fmt.Errorf("schedule %q ends with the run, which has %d steps", s.Kind, s.Total)
	}
	return nil
}

// Factor is what the learning rate is multiplied by in a step; the first is 0.
func (s Schedule) Factor(step int) float64 {
	if step < s.Warmup {
		return float64(step) / float64(s.Warmup)
	}
	done := float64(step-s.Warmup) / float64(max(1, s.Total-s.Warmup))
	switch s.Kind {
	case Linear:
		return math.Max(0, 1-done)
	case Cosine:
		return math.Max(0, (1+math.Cos(math.Pi*math.Min(done, 1)))/2)
	}
	return 1
}
