package run

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// sortedBatches is how many batches are sorted by length at a time: enough for rows of like length to meet, few enough for
// the order of an epoch to stay random.
const sortedBatches = 16

// Batches are the rows of a training, update by update: in each epoch in an order of its own by the seed, with rows of like
// length together. The same fields give the same batches.
type Batches[T any] struct {
	Rows       []T
	Len        func(T) int
	Pairs      [][2]int // indices of rows that share a batch; Size is then even
	Size       int      // rows of a batch
	Accumulate int      // batches of an update
	Seed       uint64

	epoch   int // of batches
	batches [][]T
}

// PerEpoch is how many updates an epoch has.
func (b *Batches[T]) PerEpoch() int {
	batches := (len(b.Rows) + b.Size - 1) / b.Size
	return (batches + b.Accumulate - 1) / b.Accumulate
}

// Total is how many updates a run of so many epochs has; most, where it is above 0, is an upper bound.
func (b *Batches[T]) Total(epochs, most int) int {
	total := b.PerEpoch() * epochs
	if most > 0 {
		total = min(total, most)
	}
	return total
}

// Of is the batches of the update after so many.
func (b *Batches[T]) Of(steps int) [][]T {
	per := b.PerEpoch()
	if epoch := steps / per; b.batches == nil || epoch != b.epoch {
		b.batches, b.epoch = b.divide(epoch), epoch
	}
	first := steps % per * b.Accumulate
	return b.batches[first:min(first+b.Accumulate, len(b.batches))]
}

// divide makes the batches of an epoch.
func (b *Batches[T]) divide(epoch int) [][]T {
	random := rand.New(rand.NewPCG(b.Seed, uint64(epoch)))
	var batches [][]T
	for rows := range slices.Chunk(b.order(random), b.Size) {
		batch := make([]T, len(rows))
		for i, at := range rows {
			batch[i] = b.Rows[at]
		}
		batches = append(batches, batch)
	}
	random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return batches
}

// order is that of the rows before batches are shuffled. Pairs stand at even places, so that batches of even size have them whole.
func (b *Batches[T]) order(random *rand.Rand) []int {
	paired := make([]bool, len(b.Rows))
	for _, p := range b.Pairs {
		paired[p[0]], paired[p[1]] = true, true
	}
	var single []int
	for i := range b.Rows {
		if !paired[i] {
			single = append(single, i)
		}
	}
	single = b.sorted(random, single, 1)
	if len(b.Pairs) == 0 {
		return single
	}
	rest := len(single) % 2
	flat := make([]int, 0, len(b.Rows))
	for _, p := range b.Pairs {
		flat = append(flat, p[:]...)
	}
	flat = append(flat, single[:len(single)-rest]...)
	return append(b.sorted(random, flat, 2), single[len(single)-rest:]...)
}

// sorted shuffles units of rows and sorts as many of them at a time as sortedBatches hold by their longest row.
func (b *Batches[T]) sorted(random *rand.Rand, rows []int, unit int) []int {
	list := make([]int, 0, len(rows))
	for chunk := range slices.Chunk(random.Perm(len(rows)/unit), b.Size*sortedBatches/unit) {
		slices.SortStableFunc(chunk, func(x, y int) int { return cmp.Compare(b.longest(rows, x, unit), b.longest(rows, y, unit)) })
		for _, u := range chunk {
			list = append(list, rows[u*unit:(u+1)*unit]...)
		}
	}
	return list
}

// longest is the length of a unit's longest row, which its batch is padded to.
func (b *Batches[T]) longest(rows []int, at, unit int) (most int) {
	for _, i := range rows[at*unit : (at+1)*unit] {
		most = max(most, b.Len(b.Rows[i]))
	}
	return most
}
