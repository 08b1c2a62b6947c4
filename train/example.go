package train

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/model"
)

// Example is a text to learn from: the loss is that of the completion's tokens alone.
type Example struct {
	Prompt     []int32 // at least one token
	Completion []int32 // at least one token, with the one that ends the text
}

// Len is the number of tokens that a model reads of the example.
func (e Example) Len() int { return len(e.Prompt) + len(e.Completion) }

// Tokens counts the completions' tokens: what a mean loss is over.
func Tokens(examples []Example) int {
	n := 0
	for _, e := range examples {
		n += len(e.Completion)
	}
	return n
}

// batchShape is what a program is compiled for.
type batchShape struct {
	rows    int // B
	columns int // S
	labels  int // N: positions with logits
}

// shapeOf rounds sizes up, so that few programs are compiled; rows is the least number of rows.
func shapeOf(examples []Example, rows int) batchShape {
	longest := 0
	for _, e := range examples {
		longest = max(longest, e.Len())
	}
	return batchShape{max(rows, len(examples)), RoundLength(longest), roundLabels(Tokens(examples))}
}

// RoundLength is the length that a row is padded to in a batch whose longest row has n tokens: examples of one rounded length
// make good batches.
func RoundLength(n int) int {
	step := 32
	switch {
	case n > 1024:
		step = 256
	case n > 512:
		step = 128
	case n > 256:
		step = 64
	}
	return max(1, (n+step-1)/step) * step
}

// roundLabels rounds to a number of three binary digits, so at most a quarter more.
func roundLabels(n int) int {
	step := 8
	for n > 8*step {
		step *= 2
	}
	return max(1, (n+step-1)/step) * step
}

// Inputs lays examples out for [LanguageLoss]. Sizes are rounded up, so that few programs are compiled; rows is the least number of
// rows, weight that of each label.
func Inputs(examples []Example, rows int, weight float32) []model.Input {
	return shapeOf(examples, rows).inputs(examples, weight)
}

// inputs lays examples out for a program: right-padded rows, and of each label where in the flattened rows its logits come
// from, its token and its weight, which is 0 where there is no label.
func (s batchShape) inputs(examples []Example, weight float32) []model.Input {
	ids := make([]int32, s.rows*s.columns)
	lengths := make([]int32, s.rows)
	from, targets, weights := make([]int32, s.labels), make([]int32, s.labels), make([]float32, s.labels)
	n := 0
	for i, e := range examples {
		row := ids[i*s.columns:]
		copy(row, e.Prompt)
		copy(row[len(e.Prompt):], e.Completion)
		lengths[i] = int32(e.Len())
		for k, id := range e.Completion {
			from[n], targets[n], weights[n] = int32(i*s.columns+len(e.Prompt)+k-1), id, weight
			n++
		}
	}
	return []model.Input{
		{Name: "ids", Tensor: tensors.FromFlatDataAndDimensions(ids, s.rows, s.columns)},
		{Name: "lengths", Tensor: tensors.FromFlatDataAndDimensions(lengths, s.rows)},
		{Name: "from", Tensor: tensors.FromFlatDataAndDimensions(from, s.labels)},
		{Name: "targets", Tensor: tensors.FromFlatDataAndDimensions(targets, 1, s.labels)},
		{Name: "weights", Tensor: tensors.FromFlatDataAndDimensions(weights, 1, s.labels)},
	}
}

// CheckExamples refuses examples that a model of so many tokens and such a context cannot learn from.
func CheckExamples(examples []Example, vocabulary, context int) error {
	for i, e := range examples {
		if len(e.Completion) == 0 {
			return fmt.Errorf("example %d has no completion, expected at least one token", i)
		}
	}
	return checkTokens(examples, vocabulary, context)
}

// checkTokens is CheckExamples where a completion may be empty.
func checkTokens(examples []Example, vocabulary, context int) error {
	if len(examples) == 0 {
		return fmt.Errorf("there are no examples")
	}
	for i, e := range examples {
		if len(e.Prompt) == 0 {
			return fmt.Errorf("example %d has no prompt, expected at least one token", i)
		}
		if e.Len() > context {
			return fmt.Errorf("example %d has %d tokens, and the model's context is %d", i, e.Len(), context)
		}
		for _, list := range [][]int32{e.Prompt, e.Completion} {
			for _, id := range list {
				if id < 0 || int(id) >= vocabulary {
					return fmt.Errorf("example %d: token %d is outside the vocabulary of %d", i, id, vocabulary)
				}
			}
		}
	}
	return nil
}
