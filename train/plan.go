package train

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// sortedBatches is how many batches are sorted by length at a time: enough for rows of like length to meet, few enough for
// the order of an epoch to stay random.
const sortedBatches = 16

// epochBatches divides examples into batches for an epoch: in an order of its own by seed and epoch, with examples of
// like length together. The same arguments give the same batches.
func epochBatches(examples []Example, size int, seed uint64, epoch int) [][]Example {
	random := rand.New(rand.NewPCG(seed, uint64(epoch)))
	order := random.Perm(len(examples))
	var batches [][]Example
	for chunk := range slices.Chunk(order, size*sortedBatches) {
		slices.SortStableFunc(chunk, func(a, b int) int { return cmp.Compare(examples[a].Len(), examples[b].Len()) })
		for indices := range slices.Chunk(chunk, size) {
			batch := make([]Example, len(indices))
			for i, at := range indices {
				batch[i] = examples[at]
			}
			batches = append(batches, batch)
		}
	}
	random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return batches
}

// stepsOf is how many updates an epoch has.
func stepsOf(examples, size, accumulate int) int {
	batches := (examples + size - 1) / size
	return (batches + accumulate - 1) / accumulate
}
