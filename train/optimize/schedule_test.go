package optimize

import (
	"math"
	"testing"
)

func TestSchedule(t *testing.T) {
	// By transformers.get_scheduler, 2 steps of warm-up and 6 in all.
	for kind, want := range map[string][]float64{
		Constant: {0, 0.5, 1, 1, 1, 1},
		Linear:   {0, 0.5, 1, 0.75, 0.5, 0.25},
		Cosine:   {0, 0.5, 1, 0.8535533905932737, 0.5, 0.14644660940672627},
	} {
		s := Schedule{Kind: kind, Warmup: 2, Total: 6}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		for step, factor := range want {
			if got := s.Factor(step); math.Abs(got-factor) > 1e-12 {
				t.Errorf("%s: the factor of step %d is %v, expected %v", kind, step, got, factor)
			}
		}
	}
	for _, s := range []Schedule{{Kind: "step"}, {Kind: Linear}, {Kind: Constant, Warmup: -1}} {
		if s.Check() == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
