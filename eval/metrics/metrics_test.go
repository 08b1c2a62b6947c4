package metrics_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/eval/metrics"
)

func scores(t testing.TB, labels []bool, p []float64) *metrics.Scores {
	t.Helper()
	s, err := metrics.NewScores(labels, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewScoresRefuses(t *testing.T) {
	for want, p := range map[string][]float64{
		"1 labels and 2 probabilities": {0.1, 0.2}, "is NaN": {math.NaN()}, "is 1.5": {1.5}, "is -0.1": {-0.1},
	} {
		if _, err := metrics.NewScores([]bool{true}, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error is %v, expected one with %q", p, err, want)
		}
	}
}

func TestNumber(t *testing.T) {
	data, err := json.Marshal([]metrics.Number{0.5, metrics.Number(math.NaN()), metrics.Number(math.Inf(1))})
	if err != nil || string(data) != "[0.5,null,null]" {
		t.Errorf("JSON is %s, %v", data, err)
	}
}

// MCC of large counts: their product is beyond an int64. Two right of three in each class give 1/3.
func TestMCCLarge(t *testing.T) {
	c := metrics.Confusion{TP: 2e6, FN: 1e6, TN: 2e6, FP: 1e6}
	near(t, "MCC", c.MCC(), 1.0/3)
	near(t, "FP reduction", c.FPReduction(), 2.0/3)
	near(t, "FPR", c.FPR(), 1.0/3)
}

// The ROC AUC is the share of pairs in the right order, whatever the ties.
func TestROCAUCCountsPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 2 + random.IntN(40)
		labels, p := make([]bool, n), make([]float64, n)
		for i := range n {
			labels[i], p[i] = random.IntN(2) == 0, float64(random.IntN(6))/5
		}
		labels[0], labels[1] = true, false
		right, pairs := 0.0, 0.0
		for i := range n {
			for j := range n {
				if labels[i] && !labels[j] {
					pairs++
					if p[i] > p[j] {
						right++
					} else if p[i] == p[j] {
						right += 0.5
					}
				}
			}
		}
		near(t, "ROC AUC", scores(t, labels, p).ROCAUC(), right/pairs)
	}
}

func TestThresholds(t *testing.T) {
	s := scores(t, []bool{true, true, false, true, false}, []float64{0.9, 0.8, 0.7, 0.4, 0.2})
	f1, err := s.MaxF1() // 3 of 4 called real are: 6/7, above 4/5 of the first two alone
	if err != nil {
		t.Fatal(err)
	}
	near(t, "threshold of F1", f1, 0.3)
	for floor, want := range map[float64]float64{0.3: 0.85, 0.34: 0.75, 0.95: 0.3, 1: 0.3} {
		got, err := s.RecallAtLeast(floor)
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("threshold for recall %v", floor), got, want)
		if r := s.Confusion(got).Recall(); r < floor {
			t.Errorf("recall at %v is %v, expected at least %v", got, r, floor)
		}
	}
	if got, err := scores(t, []bool{true, false}, []float64{0.5, 0.5}).MaxF1(); err != nil || got != 0.25 {
		t.Errorf("threshold of equal scores is %v, %v, expected 0.25", got, err)
	}
	next := math.Nextafter(0.5, 1) // there is nothing between these two
	close := scores(t, []bool{true, false}, []float64{next, 0.5})
	if got, err := close.MaxF1(); err != nil || close.Confusion(got).F1() != 1 {
		t.Errorf("threshold between neighbours is %v, %v, with F1 %v", got, err, close.Confusion(got).F1())
	}
	none := scores(t, []bool{false}, []float64{0.5})
	if _, err := none.MaxF1(); err == nil {
		t.Error("MaxF1 without a real finding gave no error")
	}
	if _, err := none.RecallAtLeast(0.9); err == nil {
		t.Error("RecallAtLeast without a real finding gave no error")
	}
	for _, floor := range []float64{0, -1, 1.1, math.NaN()} {
		if _, err := s.RecallAtLeast(floor); err == nil {
			t.Errorf("a recall floor of %v gave no error", floor)
		}
	}
}

func TestControlAndScaling(t *testing.T) {
	near(t, "control", metrics.Control([]int{7, 8, 16, 17}, 8, 16), 0.5)
	near(t, "control of nothing", metrics.Control(nil, 0, 1), math.NaN())
	// Slopes 0.1/1, 0.3/3 and 0.2/2 of a line, in any order.
	got, err := metrics.Scaling([]float64{4, 1, 2}, []float64{0.8, 0.5, 0.6})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "scaling", got, 0.1)
	// (0.2 + 0.1/2 − 0.1/1)/3
	if got, err = metrics.Scaling([]float64{1, 2, 3}, []float64{0.5, 0.7, 0.6}); err != nil {
		t.Fatal(err)
	}
	near(t, "scaling", got, 0.05)
	one, err := metrics.Scaling([]float64{1}, []float64{1})
	if err != nil || !math.IsNaN(one) {
		t.Errorf("scaling of one budget is %v, %v, expected NaN", one, err)
	}
	if _, err := metrics.Scaling([]float64{1, 1}, []float64{1, 2}); err == nil {
		t.Error("equal budgets gave no error")
	}
	if _, err := metrics.Scaling([]float64{1}, nil); err == nil {
		t.Error("other lengths gave no error")
	}
}

func TestPairs(t *testing.T) {
	yes, no := true, false
	s := scores(t,
		[]bool{yes, no, no, yes, yes, no, yes, no, yes, no, yes, yes},
		[]float64{0.9, 0.1, 0.8, 0.6, 0.3, 0.3, 0.2, 0.7, 0.5, 0.4, 0.9, 0.9})
	got, odd, err := s.Pairs([]string{"a", "a", "b", "b", "c", "c", "d", "d", "", "lone", "same", "same"}, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	want := metrics.Pairwise{Right: 1, BothReal: 1, BothFake: 1, Reversed: 1, Ranked: 1.5}
	if diff := cmp.Diff(want, got); diff != "" || odd != 2 {
		t.Errorf("pairs differ (odd %d, expected 2):\n%s", odd, diff)
	}
	near(t, "accuracy", got.Accuracy(), 0.25)
	near(t, "ranking", got.Ranking(), 0.375)
	if _, _, err := s.Pairs(nil, 0.5); err == nil {
		t.Error("too few names gave no error")
	}
}

// p-values of SciPy 1.17.1: binomtest(min(b,c), b+c).pvalue and chi2.sf(x, 1).
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		b, c              int
		exact, chi, chi1p float64
	}{
		{1, 8, 0.0390625, 4, 0.04550026389635857},
		{12, 30, 0.007915897334896727, 6.880952380952381, 0.008711912962379598},
		{0, 5, 0.0625, 3.2, 0.07363827012030258},
		{7, 7, 1, 0, 1},
		{400, 310, 0.0008254561170239438, 11.156338028169014, 0.000837450670916624},
		{3000, 3200, 0.011488253770871584, 6.387258064516129, 0.011494244344739451},
		{0, 0, 1, 0, 1},
	} {
		first, second := []bool{true, false}, []bool{true, false} // findings on which both agree do not count
		for range c.b {
			first, second = append(first, true), append(second, false)
		}
		for range c.c {
			first, second = append(first, false), append(second, true)
		}
		got, err := metrics.McNemar(first, second)
		if err != nil {
			t.Fatal(err)
		}
		if got.OnlyFirst != c.b || got.OnlySecond != c.c {
			t.Errorf("counts are %d and %d, expected %d and %d", got.OnlyFirst, got.OnlySecond, c.b, c.c)
		}
		for _, v := range []struct{ got, want float64 }{{got.Exact, c.exact}, {got.ChiSquare, c.chi}, {got.ChiSquareP, c.chi1p}} {
			if math.Abs(v.got-v.want) > 1e-9*v.want {
				t.Errorf("%d and %d: got %+v, expected %v", c.b, c.c, got, c)
			}
		}
	}
	if _, err := metrics.McNemar([]bool{true}, nil); err == nil {
		t.Error("other lengths gave no error")
	}
}

// The interval of a mean is the normal one, of groups of equal members wider by the root of their size.
func TestBootstrap(t *testing.T) {
	const n = 400
	random := rand.New(rand.NewPCG(3, 4))
	values, groups := make([]float64, n), make([]string, n)
	for i := range n {
		if i%4 == 0 {
			values[i] = random.NormFloat64()
		} else {
			values[i] = values[i-1]
		}
		groups[i] = fmt.Sprint("g", i/4)
	}
	mean := func(indices []int) float64 {
		sum := 0.0
		for _, i := range indices {
			sum += values[i]
		}
		return sum / float64(len(indices))
	}
	width := func(o metrics.BootstrapOptions) float64 {
		t.Helper()
		r, err := metrics.Bootstrap(n, o, mean)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.Low < r.Value && r.Value < r.High) || r.Undefined != 0 {
			t.Errorf("interval is %+v", r)
		}
		again, err := metrics.Bootstrap(n, o, mean)
		if err != nil || again != r {
			t.Errorf("the same seed gave %+v and %+v, %v", r, again, err)
		}
		return float64(r.High - r.Low)
	}
	single, grouped := width(metrics.BootstrapOptions{Seed: 1}), width(metrics.BootstrapOptions{Seed: 1, Groups: groups})
	if ratio := grouped / single; ratio < 1.8 || ratio > 2.2 {
		t.Errorf("groups of four make the interval %.2f times as wide, expected about 2", ratio)
	}
	if expected := 2 * 1.96 / math.Sqrt(n/4); math.Abs(grouped/expected-1) > 0.2 {
		t.Errorf("the interval is %.3f wide, expected about %.3f", grouped, expected)
	}
	if narrow := width(metrics.BootstrapOptions{Seed: 1, Level: 0.5}); narrow > single/2 {
		t.Errorf("the 50%% interval is %.3f wide, that of 95%% %.3f", narrow, single)
	}
}

func TestBootstrapEdges(t *testing.T) {
	s := scores(t, []bool{true, false}, []float64{0.9, 0.1})
	r, err := metrics.Bootstrap(s.N(), metrics.BootstrapOptions{Resamples: 400, Seed: 5}, func(i []int) float64 { return s.Take(i).ROCAUC() })
	if err != nil {
		t.Fatal(err)
	}
	if r.Undefined < 150 || r.Undefined > 250 || r.Low != 1 || r.High != 1 {
		t.Errorf("of two findings half the resamples have one class, got %+v", r)
	}
	empty, err := metrics.Bootstrap(0, metrics.BootstrapOptions{}, func([]int) float64 { return math.NaN() })
	if err != nil || !math.IsNaN(float64(empty.Value)) || !math.IsNaN(float64(empty.Low)) {
		t.Errorf("of nothing: %+v, %v", empty, err)
	}
	for _, o := range []metrics.BootstrapOptions{{Level: 1}, {Level: -1}, {Resamples: -1}, {Groups: []string{"a"}}} {
		if _, err := metrics.Bootstrap(2, o, func([]int) float64 { return 0 }); err == nil {
			t.Errorf("%+v gave no error", o)
		}
	}
}

// Scores do not depend on the order in which they come, nor do they change their input.
func TestOrderDoesNotMatter(t *testing.T) {
	labels, p := []bool{true, false, true, false, true}, []float64{0.2, 0.4, 0.4, 0.9, 0.9}
	kept := slices.Clone(p)
	a := scores(t, labels, p)
	b := a.Take([]int{4, 2, 0, 1, 3})
	if diff := cmp.Diff(a.Points(), b.Points()); diff != "" { // all but sums of floats follows from them
		t.Error(diff)
	}
	if !slices.Equal(p, kept) {
		t.Error("the input has changed")
	}
}

func Example() {
	labels := []bool{true, true, false, false, false}
	s, err := metrics.NewScores(labels, []float64{0.92, 0.55, 0.61, 0.20, 0.08})
	if err != nil {
		panic(err)
	}
	threshold, err := s.RecallAtLeast(0.95)
	if err != nil {
		panic(err)
	}
	c := s.Confusion(threshold)
	fmt.Printf("ROC AUC %.2f; at %.2f: recall %.2f, false findings removed %.2f\n", s.ROCAUC(), threshold, c.Recall(), c.FPReduction())
	// Output: ROC AUC 0.83; at 0.38: recall 1.00, false findings removed 0.67
}
