package review

import (
	"cmp"
	"math"
	"slices"
)

// Batch is rows that run together, in programs compiled for Slots rows of Room tokens each.
type Batch struct {
	Rows  []int // indices of the rows
	Slots int
	Room  int
}

// Limits bound batches.
type Limits struct {
	Rows   int // that run together
	Tokens int // slots × room; 0 is no bound. The scores of attention grow with slots × room².
}

// DefaultLimits are those for a kind of machine. On a CPU a step of 16 rows costs little more than one of 2, since both wait
// for the weights, and more would wait for the products; docs/design.md has the figures. 8,192 tokens of rows as long as
// [DefaultMaxPrompt] keep the scores of attention below a gigabyte for a model of nine heads. Accelerators have a multiple
// of both.
func DefaultLimits(cpu bool) Limits {
	if cpu {
		return Limits{Rows: 16, Tokens: 8192}
	}
	return Limits{Rows: 64, Tokens: 65536}
}

// compileTokens is what compiling a shape costs, in prompt tokens that could have been read meanwhile: some seconds.
const compileTokens = 4096

// Plan cuts rows into batches. lengths are the rows' tokens.
//
// Rows are taken by length, so that little is padded; batches are of even size, since a batch of 9 and one of 8 cost less
// than one of 16 and a padded one of 1. Neighbouring batches share a shape where padding costs less than compiling.
func Plan(lengths []int, limits Limits) []Batch {
	order := make([]int, len(lengths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lengths[a], lengths[b]) })

	size := evenSize(len(order), limits.Rows)
	var batches []Batch
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && end-start < size && limits.hold(end-start+1, lengths[order[end]]) {
			end++
		}
		batches = append(batches, Batch{Rows: order[start:end], Slots: end - start, Room: lengths[order[end-1]]})
		start = end
	}
	share(batches, limits)
	return batches
}

// hold tells whether a program of that shape is within the limits. A single row always is.
func (l Limits) hold(slots, room int) bool {
	return slots == 1 || l.Tokens == 0 || slots*room <= l.Tokens
}

// evenSize is the size of the batches when n rows are cut into as few as can be.
func evenSize(n, most int) int {
	if n == 0 {
		return most
	}
	count := (n + most - 1) / most
	return (n + count - 1) / count
}

// share gives runs of neighbouring batches one shape, so that padding and compiling together cost least: dynamic
// programming over where the last run begins.
func share(batches []Batch, limits Limits) {
	n := len(batches)
	best := make([]float64, n+1) // best[j]: cost of the first j batches
	from := make([]int, n+1)     // where the last run of that solution begins
	for j := 1; j <= n; j++ {
		best[j] = math.Inf(1)
		slots := 0
		for i := j - 1; i >= 0; i-- {
			slots = max(slots, batches[i].Slots)
			room := batches[j-1].Room // rooms rise
			if j-i > 1 && !limits.hold(slots, room) {
				break
			}
			if cost := best[i] + float64((j-i)*slots*room) + compileTokens; cost < best[j] {
				best[j], from[j] = cost, i
			}
		}
	}
	for j := n; j > 0; j = from[j] {
		run := batches[from[j]:j]
		slots := 0
		for _, b := range run {
			slots = max(slots, b.Slots)
		}
		for k := range run {
			run[k].Slots, run[k].Room = slots, batches[j-1].Room
		}
	}
}
