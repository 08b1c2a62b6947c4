package transformer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
)

// LogProbability is log softmax(logits)[target]: logits [B, T, V] float32, target [B, T] int32 → [B, T].
func LogProbability(logits, target *Node) *Node {
	highest := StopGradient(ReduceAndKeep(logits, ReduceMax, -1)) // what it stands for cancels out
	shifted := Sub(logits, highest)
	total := Log(ReduceSum(Exp(shifted), -1))
	index := Iota(logits.Graph(), shapes.Make(dtypes.Int32, logits.Shape().Dimensions...), 2)
	here := Equal(index, InsertAxes(target, -1))
	return Sub(ReduceSum(Where(here, shifted, ZerosLike(shifted)), -1), total)
}
