package ablate

import (
	"math"
	"testing"

	"github.com/januslm/janus/eval/results"
)

// Four points by hand: two lengths, with a head without and one with an activation.
func handmade() ([]results.TestRow, []results.Point, []results.Axis) {
	rows := []results.TestRow{{ID: "a", Truth: "TP"}, {ID: "b", Truth: "FP"}, {ID: "c", Truth: "TP"}, {ID: "d", Truth: "FP"}}
	point := func(values map[string]string, p ...float64) results.Point {
		return results.Point{Values: values, N: 4, Threshold: 0.5, P: p}
	}
	points := []results.Point{
		point(map[string]string{"length": "0", "hidden": "none"}, 0.9, 0.8, 0.3, 0.2),                     // accuracy 0.5
		point(map[string]string{"length": "10", "hidden": "none"}, 0.9, 0.2, 0.3, 0.1),                    // 0.75
		point(map[string]string{"length": "0", "hidden": "8", "activation": "gelu"}, 0.9, 0.4, 0.3, 0.2),  // 0.75
		point(map[string]string{"length": "10", "hidden": "8", "activation": "gelu"}, 0.9, 0.4, 0.8, 0.2), // 1
		point(map[string]string{"length": "10", "hidden": "8", "activation": "relu"}, 0.9, 0.4, 0.8, 0.2), // 1
		{Values: map[string]string{"length": "0", "hidden": "8", "activation": "relu"}, P: nans(4)},       // diverged
	}
	axes := []results.Axis{{Name: "length", Values: []string{"0", "10"}}, {Name: "hidden", Values: []string{"none", "8"}}, {Name: "activation", Values: []string{"gelu", "relu"}}}
	return rows, points, axes
}

func nans(n int) (list []float64) {
	for range n {
		list = append(list, math.NaN())
	}
	return list
}

func TestEffectsByHand(t *testing.T) {
	rows, points, axes := handmade()
	d, err := drawAll(rows, points, 200)
	if err != nil {
		t.Fatal(err)
	}
	const accuracy = 2
	if effectMetrics[accuracy] != "accuracy" {
		t.Fatal("accuracy stands elsewhere")
	}
	for _, test := range []struct {
		axis, first, second string
		mean, difference    float64
		pairs               int
	}{
		{"length", "0", "10", (0.75 + 1 + 1) / 3, (0.25 + 0.25) / 2, 3},          // the diverged point's like has no part
		{"hidden", "none", "8", (0.75 + 1 + 1) / 3, (0.25 + 0.25 + 0.25) / 3, 4}, // each is like the ones of its length
		{"activation", "gelu", "relu", 1, 0, 2},
	} {
		of, pairs := having(points, test.axis, test.second), likes(points, axes, test.axis, test.first, test.second)
		if len(pairs) != test.pairs {
			t.Errorf("%s: pairs %v, want %d", test.axis, pairs, test.pairs)
		}
		if got := meanOf(d.figures[0], of, accuracy); math.Abs(got-test.mean) > 1e-12 {
			t.Errorf("%s: mean %v, want %v", test.axis, got, test.mean)
		}
		if got := meanDifference(d.figures[0], pairs, accuracy); math.Abs(got-test.difference) > 1e-12 {
			t.Errorf("%s: difference %v, want %v", test.axis, got, test.difference)
		}
		interval, err := d.interval(func(f [][]float64) float64 { return meanOf(f, of, accuracy) })
		if err != nil || math.Abs(float64(interval.Value)-test.mean) > 1e-12 || interval.Low > interval.Value || interval.High < interval.Value {
			t.Errorf("%s: interval %+v, %v", test.axis, interval, err)
		}
	}
	slopes, err := d.slopes(points, axes)
	if err != nil {
		t.Fatal(err)
	}
	if want := ((0.75+1+1)/3 - (0.5+0.75)/2) / 10; math.Abs(float64(slopes[2].Value.Value)-want) > 1e-12 || slopes[2].Metric != "accuracy" {
		t.Errorf("slopes %+v, want one of %v", slopes, want)
	}
}

// Where one point could not judge a row, no point is judged on it; rows of one group are drawn together.
func TestCommonRows(t *testing.T) {
	rows, points, _ := handmade()
	points[1].P[1] = math.NaN()
	d, err := drawAll(rows, points, 50)
	if err != nil {
		t.Fatal(err)
	}
	if d.rows != 3 || math.Abs(d.figures[0][0][2]-2.0/3) > 1e-12 {
		t.Errorf("%d rows, accuracy %v", d.rows, d.figures[0][0][2])
	}
	for i := range rows {
		rows[i].Group = []string{"x", "y"}[i/2]
	}
	points[1].P[1] = 0.2
	if d, err = drawAll(rows, points, 50); err != nil {
		t.Fatal(err)
	}
	for _, figures := range d.figures {
		if a := figures[0][2]; a != 0.5 { // each group has one right and one wrong
			t.Errorf("a draw has the accuracy %v: groups were torn", a)
		}
	}
	for i := range rows {
		rows[i].Group = "x"
	}
	if d, err = drawAll(rows, points, 50); err != nil || d.options.Groups != nil {
		t.Errorf("one group alone cannot be drawn: %v, %v", d.options.Groups, err)
	}
}
