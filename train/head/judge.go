package head

import (
	"fmt"

	"github.com/januslm/janus/classifier"
)

// Head makes a classifier of the result, with the temperature and the threshold of its spec's config.
func (r *Result) Head() (*classifier.Head, error) {
	h, err := classifier.New(r.Spec.Name, r.Spec.Config, r.Tensors)
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", r.Spec.Name, err)
	}
	return h, nil
}

// Judge returns each head's logits, [result][row], of rows that it was not trained on: data has the inputs that training had.
// Of its labels only their number is used.
func Judge(results []Result, data *Data) ([][]float64, error) {
	list := make([][]float64, len(results))
	for i := range results {
		r := &results[i]
		h, err := r.Head()
		if err != nil {
			return nil, err
		}
		if in := r.Spec.Input; in < 0 || in >= len(data.Inputs) || len(data.Inputs[in]) != data.N()*h.Config.HiddenSize {
			return nil, fmt.Errorf("head %s reads input %d of %d numbers a row: there is no such input of %d rows", r.Spec.Name, in, h.Config.HiddenSize, data.N())
		}
		x := data.Inputs[r.Spec.Input]
		for ; len(x) > 0; x = x[h.Config.HiddenSize:] {
			list[i] = append(list[i], h.LogitOf(x[:h.Config.HiddenSize]))
		}
	}
	return list, nil
}
