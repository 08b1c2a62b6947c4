package encoder

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/train/optimize"
)

// headPrefix stands before the head's tensors in a state.
const headPrefix = "classifier/"

// headDeviation is that of a head's first weights: initializer_range of the Hugging Face classes.
const headDeviation = 0.02

// newHead is a head's first weights, as the Hugging Face classes have them: normal ones, zero biases, and a norm that changes
// nothing. A tensor's follow from the seed and its name.
func newHead(head *classifier.Config, c *Config) []optimize.Param {
	shapes := head.ParamShapes()
	var params []optimize.Param
	for _, name := range head.ParamNames() {
		p := optimize.Param{Name: headPrefix + name, Shape: shapes[name], NoDecay: true, Rate: c.HeadRate / c.LearningRate}
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		p.Data = make([]float32, n)
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(name)) // never fails
		random := rand.New(rand.NewPCG(c.Seed, hash.Sum64()))
		for i := range p.Data {
			switch {
			case name == "norm.weight":
				p.Data[i] = 1
			case strings.HasPrefix(name, "layers.") && strings.HasSuffix(name, ".weight"):
				p.NoDecay = false
				p.Data[i] = float32(headDeviation * random.NormFloat64())
			}
		}
		params = append(params, p)
	}
	return params
}
