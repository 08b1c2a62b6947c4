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

const (
	// defaultBatch is how many rows run together on a CPU, where a step of 16 rows costs little more than one of 2: both
	// wait for the weights. docs/design.md has the figures.
	defaultBatch = 16
	// batchTokens bounds slots × room: the scores of attention grow with slots × room², and 8,192 tokens of rows as long
	// as [DefaultMaxPrompt] keep them below a gigabyte for a model of nine heads.
	batchTokens = 8192
	// compileTokens is what compiling a shape costs, in prompt tokens that could have been read meanwhile: some seconds.
	compileTokens = 4096
)

// Plan cuts rows into batches. lengths are the rows' tokens, most is how many rows may run together; 0 chooses.
//
// Rows are taken by length, so that little is padded; batches are of even size, since a batch of 9 and one of 8 cost less
// than one of 16 and a padded one of 1. Neighbouring batches share a shape where padding costs less than compiling.
func Plan(lengths []int, most int) []Batch {
	order := make([]int, len(lengths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lengths[a], lengths[b]) })

	asked := most > 0
	if !asked {
		most = defaultBatch
	}
	size := evenSize(len(order), most)
	var batches []Batch
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && end-start < size && (asked || (end-start+1)*lengths[order[end]] <= batchTokens) {
			end++
		}
		batches = append(batches, Batch{Rows: order[start:end], Slots: end - start, Room: lengths[order[end-1]]})
		start = end
	}
	share(batches, asked)
	return batches
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
func share(batches []Batch, asked bool) {
	n := len(batches)
	best := make([]float64, n+1) // best[j]: cost of the first j batches
	from := make([]int, n+1)     // where the last run of that solution begins
	for j := 1; j <= n; j++ {
		best[j] = math.Inf(1)
		slots := 0
		for i := j - 1; i >= 0; i-- {
			slots = max(slots, batches[i].Slots)
			tokens := slots * batches[j-1].Room // rooms rise
			if j-i > 1 && tokens > batchTokens && !asked {
				break
			}
			if cost := best[i] + float64((j-i)*tokens) + compileTokens; cost < best[j] {
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
