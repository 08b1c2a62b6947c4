package transformer

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// EmbedTokens reads the rows of an embedding table [V, D] for ids [B, S] int32: [B, S, D].
func EmbedTokens(f *Forward, key string, ids *Node) *Node {
	return Gather(f.Weights.Param(key), InsertAxes(ids, -1))
}

// projection lists a linear module's tensors: weight [out, in], and bias [out] where it has one.
func projection(module string, out, in int, bias bool) []Tensor {
	list := []Tensor{{module + ".weight", []int{out, in}, Matrix}}
	if bias {
		list = append(list, Tensor{module + ".bias", []int{out}, Vector})
	}
	return list
}

// setDefault sets a key that config.json left out.
func setDefault[T comparable](key *T, value T) {
	var zero T
	if *key == zero {
		*key = value
	}
}
