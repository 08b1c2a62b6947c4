package metrics

import "math"

// Bin is a range of scores: how many fall in, their mean, and the share of them that came true. Mean and Share are NaN where
// Count is 0.
type Bin struct {
	Count int
	Mean  Number
	Share Number
}

// Bins sorts the scores into n ranges of equal width, [k/n, (k+1)/n), the last with 1: a reliability diagram (DeGroot and
// Fienberg, The Statistician 32, 1983). Share is the share of real findings.
func (s *Scores) Bins(n int) []Bin {
	outcomes := make([]float64, s.N())
	for i, l := range s.labels {
		outcomes[i] = number(l)
	}
	return bins(n, s.p, outcomes)
}

// ConfidenceBins sorts the scores by the confidence max(p, 1−p) in the likelier class, real where p ≥ 0.5. Share is then
// the share of right verdicts, the accuracy.
func (s *Scores) ConfidenceBins(n int) []Bin {
	confidence, right := make([]float64, s.N()), make([]float64, s.N())
	for i, l := range s.labels {
		confidence[i] = max(s.p[i], 1-s.p[i])
		right[i] = number(l == (s.p[i] >= 0.5))
	}
	return bins(n, confidence, right)
}

func bins(n int, scores, outcomes []float64) []Bin {
	n = max(n, 1)
	list := make([]Bin, n)
	for i, p := range scores {
		b := &list[min(int(math.Floor(float64(n)*p)), n-1)]
		b.Count++
		b.Mean += Number(p)
		b.Share += Number(outcomes[i])
	}
	for i := range list { // of none, 0/0 is NaN
		list[i].Mean /= Number(list[i].Count)
		list[i].Share /= Number(list[i].Count)
	}
	return list
}

// ECEBins is the customary number of bins.
const ECEBins = 10

// ECE is the expected calibration error over [ECEBins] bins of the score itself: Σ (nₖ/n)·|mean score − share of real
// findings|, empty bins counting nothing (Naeini, Cooper and Hauskrecht, AAAI 2015, for two classes). NaN of nothing.
func (s *Scores) ECE() float64 { return calibrationError(s.Bins(ECEBins), s.N()) }

// ECEConfidence is the same over bins of the confidence, against accuracy (Guo et al., On Calibration of Modern Neural
// Networks, ICML 2017). It is the smaller the more sides of 0.5 cancel out; compare like with like.
func (s *Scores) ECEConfidence() float64 { return calibrationError(s.ConfidenceBins(ECEBins), s.N()) }

func calibrationError(list []Bin, n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, b := range list {
		if b.Count > 0 {
			sum += float64(b.Count) * math.Abs(float64(b.Mean-b.Share))
		}
	}
	return sum / float64(n)
}
