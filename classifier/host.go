package classifier

import "math"

// LogitOf returns the head's logit of one pooled state [D], before temperature: what [Config.Logit] computes, on the host and
// in float64. For a table of rows that is there already, it needs no program.
func (h *Head) LogitOf(pooled []float32) float64 {
	x := make([]float64, len(pooled))
	for i, v := range pooled {
		x[i] = float64(v)
	}
	params := h.Params()
	if h.Config.LayerNorm {
		normaliseHost(x, params[0].Data, params[1].Data)
		params = params[2:]
	}
	for layer := 0; len(params) > 0; layer++ {
		if layer > 0 {
			for i, v := range x {
				x[i] = h.Config.Activation.of(v)
			}
		}
		weight, bias := params[0].Data, params[1].Data
		next := make([]float64, len(bias))
		for i, b := range bias {
			sum := float64(b)
			for k, w := range weight[i*len(x) : (i+1)*len(x)] {
				sum += float64(w) * x[k]
			}
			next[i] = sum
		}
		x, params = next, params[2:]
	}
	return x[0]
}

// ProbabilityOf returns p = sigmoid(z/T) of one pooled state [D], as [Head.LogitOf] does the logit.
func (h *Head) ProbabilityOf(pooled []float32) float64 {
	return 1 / (1 + math.Exp(-h.LogitOf(pooled)/h.Config.Temperature))
}

// normaliseHost is layerNorm of one row, in place.
func normaliseHost(x []float64, weight, bias []float32) {
	n := float64(len(x))
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / n
	}
	for i, v := range x {
		x[i] = (v-mean)/math.Sqrt(variance+normEpsilon)*float64(weight[i]) + float64(bias[i])
	}
}

// of is Apply of a number.
func (a Activation) of(x float64) float64 {
	switch a {
	case ActReLU:
		return max(x, 0)
	case ActTanh:
		return math.Tanh(x)
	case ActSiLU:
		return x / (1 + math.Exp(-x))
	default: // ActGELU; Check lets no other one in
		return x / 2 * (1 + math.Erf(x*math.Sqrt2/2))
	}
}
