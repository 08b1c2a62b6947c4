package classifier

import (
	"fmt"
	"math"
	"strings"

	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // graph code reads as formulas, as everywhere in GoMLX
)

// Activation is the function between the layers of a head.
type Activation string

// The activations. ActGELU is the exact one, x·(1+erf(x/√2))/2, not its tanh approximation.
const (
	ActGELU Activation = "gelu"
	ActReLU Activation = "relu"
	ActTanh Activation = "tanh"
	ActSiLU Activation = "silu"
)

// Check reports an unknown activation.
func (a Activation) Check() error {
	switch a {
	case ActGELU, ActReLU, ActTanh, ActSiLU:
		return nil
	}
	return fmt.Errorf("activation is %q, expected one of %s", a,
		strings.Join([]string{string(ActGELU), string(ActReLU), string(ActTanh), string(ActSiLU)}, ", "))
}

// Apply computes the activation, with constants that are safe inside closures.
func (a Activation) Apply(x *Node) *Node {
	switch a {
	case ActGELU:
		half := Mul(x, ConstAs(x, 0.5))
		return Mul(half, Add(Erf(Mul(x, ConstAs(x, math.Sqrt2/2))), ConstAs(x, 1)))
	case ActReLU:
		return Max(x, ConstAs(x, 0))
	case ActTanh:
		return Tanh(x)
	case ActSiLU:
		return Mul(x, Sigmoid(x))
	}
	panic(a.Check())
}
