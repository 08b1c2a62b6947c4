package review

import (
	"slices"
	"testing"
)

// lengthsOf repeats lengths.
func lengthsOf(n int, length func(i int) int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = length(i)
	}
	return list
}

func TestPlan(t *testing.T) {
	cpu := DefaultLimits(true)
	limitsOf := func(batch int) Limits {
		if batch == 0 {
			return cpu
		}
		return Limits{Rows: batch}
	}
	same := func(int) int { return 100 }
	spread := func(i int) int { return 50 + i*37%400 }
	for _, test := range []struct {
		name    string
		lengths []int
		batch   int
		sizes   []int // of the batches, in order; nil: not looked at
		shapes  int   // at most so many are compiled
	}{
		{"none", nil, 0, []int{}, 0},
		{"one", lengthsOf(1, same), 0, []int{1}, 1},
		{"seven run together", lengthsOf(7, same), 0, []int{7}, 1},
		{"seventeen are cut evenly", lengthsOf(17, same), 0, []int{9, 8}, 1},
		{"64", lengthsOf(64, same), 0, []int{16, 16, 16, 16}, 1},
		{"asked for 3", lengthsOf(7, same), 3, []int{3, 3, 1}, 1},
		{"asked for more than there are", lengthsOf(3, same), 100, []int{3}, 1},
		{"64 of many lengths", lengthsOf(64, spread), 0, nil, 3},
		{"1000 of many lengths", lengthsOf(1000, spread), 0, nil, 8},
		{"long rows run in small batches", lengthsOf(6, func(int) int { return 2000 }), 0, []int{4, 2}, 1},
		{"asked for means asked for", lengthsOf(6, func(int) int { return 2000 }), 6, []int{6}, 1},
		{"a row longer than a batch may be", lengthsOf(2, func(int) int { return 9000 }), 0, []int{1, 1}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			batches := Plan(test.lengths, limitsOf(test.batch))
			seen := map[int]bool{}
			shapes := map[[2]int]bool{}
			sizes := []int{}
			for _, b := range batches {
				shapes[[2]int{b.Slots, b.Room}] = true
				sizes = append(sizes, len(b.Rows))
				if len(b.Rows) == 0 || len(b.Rows) > b.Slots {
					t.Errorf("%d rows in %d slots", len(b.Rows), b.Slots)
				}
				for _, i := range b.Rows {
					if seen[i] {
						t.Errorf("row %d runs twice", i)
					}
					seen[i] = true
					if test.lengths[i] > b.Room {
						t.Errorf("row %d has %d tokens, the batch has room for %d", i, test.lengths[i], b.Room)
					}
				}
				if test.batch == 0 && b.Slots > 1 && b.Slots*b.Room > cpu.Tokens {
					t.Errorf("%d × %d tokens exceed %d", b.Slots, b.Room, cpu.Tokens)
				}
			}
			if len(seen) != len(test.lengths) {
				t.Errorf("%d of %d rows run", len(seen), len(test.lengths))
			}
			if test.sizes != nil && !slices.Equal(sizes, test.sizes) {
				t.Errorf("sizes are %v, want %v", sizes, test.sizes)
			}
			if len(shapes) > test.shapes {
				t.Errorf("%d shapes are compiled, want at most %d: %v", len(shapes), test.shapes, shapes)
			}
		})
	}
}

// One row far longer than the others must not make them all as long.
func TestPlanKeepsALongRowApart(t *testing.T) {
	batches := Plan(lengthsOf(33, func(i int) int {
		if i == 5 {
			return 2000
		}
		return 60
	}), DefaultLimits(true))
	padded := 0
	for _, b := range batches {
		padded += b.Slots * b.Room
	}
	if padded > 8000 {
		t.Errorf("%d tokens are computed for 3,920", padded)
	}
}
