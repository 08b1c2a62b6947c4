package head

import "math"

// scale is the mean and deviation of each number of states. A nil scale leaves them as they are.
type scale struct{ mean, deviation []float64 }

// scaleOf measures states [N, width]. A number that is (nearly) the same in all rows keeps a deviation of 1.
func scaleOf(x []float32, width int) *scale {
	s := &scale{make([]float64, width), make([]float64, width)}
	n := float64(len(x) / width)
	for i, v := range x {
		s.mean[i%width] += float64(v) / n
	}
	for i, v := range x {
		d := float64(v) - s.mean[i%width]
		s.deviation[i%width] += d * d / n
	}
	for k, v := range s.deviation {
		s.deviation[k] = math.Sqrt(v)
		if s.deviation[k] <= 1e-6*math.Abs(s.mean[k])+1e-12 { // float32's noise about a constant
			s.deviation[k] = 1
		}
	}
	return s
}

// apply returns states with mean 0 and deviation 1.
func (s *scale) apply(x []float32) []float32 {
	out := make([]float32, len(x))
	if s == nil {
		copy(out, x)
		return out
	}
	for i, v := range x {
		k := i % len(s.mean)
		out[i] = float32((float64(v) - s.mean[k]) / s.deviation[k])
	}
	return out
}

// fold changes a head that reads scaled states into the same head of states as they are: W·(x−μ)/σ + b = (W/σ)·x + (b − (W/σ)·μ).
func (s *scale) fold(tensors map[string][]float32) {
	if s == nil {
		return
	}
	weight, bias := tensors["layers.0.weight"], tensors["layers.0.bias"]
	for out := range bias {
		row := weight[out*len(s.mean) : (out+1)*len(s.mean)]
		shift := 0.0
		for k := range row {
			w := float64(row[k]) / s.deviation[k]
			shift += w * s.mean[k]
			row[k] = float32(w)
		}
		bias[out] = float32(float64(bias[out]) - shift)
	}
}
