package metrics

import "math"

// Point is the confusion at a threshold that is one of the scores.
type Point struct {
	Threshold float64
	Confusion Confusion
}

// Points are the confusions at every distinct score, from the highest, after one at +Inf, where nothing is called real.
// They are what the curves are drawn of: (FPR, recall) is ROC, (recall, precision) is precision-recall.
func (s *Scores) Points() []Point {
	positives := s.Positives()
	c := Confusion{FN: positives, TN: s.N() - positives}
	points := []Point{{math.Inf(1), c}}
	for k, i := range s.order {
		if s.labels[i] {
			c.TP++
			c.FN--
		} else {
			c.FP++
			c.TN--
		}
		if k+1 == len(s.order) || s.p[s.order[k+1]] != s.p[i] {
			points = append(points, Point{s.p[i], c})
		}
	}
	return points
}

// ROCAUC is the area under the ROC curve by trapezoids. It is the probability that a real finding has a higher score than a
// false alarm, ties counting half (Hanley and McNeil, Radiology 143, 1982). NaN unless both classes are there.
func (s *Scores) ROCAUC() float64 {
	positives := s.Positives()
	negatives := s.N() - positives
	if positives == 0 || negatives == 0 {
		return math.NaN()
	}
	// Twice the area in whole numbers of pairs, so that no rounding adds up.
	var twice int64
	points := s.Points()
	for k := 1; k < len(points); k++ {
		a, b := points[k-1].Confusion, points[k].Confusion
		twice += int64(b.FP-a.FP) * int64(a.TP+b.TP)
	}
	return float64(twice) / (2 * float64(positives) * float64(negatives))
}

// AveragePrecision is the area under the precision-recall curve by steps, Σ (Rₖ − Rₖ₋₁)·Pₖ over the distinct scores from
// the highest, as scikit-learn's average_precision_score: it does not interpolate, which would be too kind (Davis and
// Goadrich, ICML 2006). NaN without a real finding.
func (s *Scores) AveragePrecision() float64 {
	sum := 0.0
	points := s.Points()
	for k := 1; k < len(points); k++ {
		sum += (points[k].Confusion.Recall() - points[k-1].Confusion.Recall()) * points[k].Confusion.Precision()
	}
	if s.Positives() == 0 {
		return math.NaN()
	}
	return sum
}

// PRAUC is the area under the precision-recall curve by trapezoids, from recall 0 with precision 1. Prefer
// [Scores.AveragePrecision]; this one is for comparison with papers that have it. NaN without a real finding.
func (s *Scores) PRAUC() float64 {
	if s.Positives() == 0 {
		return math.NaN()
	}
	sum, precision := 0.0, 1.0
	points := s.Points()
	for k := 1; k < len(points); k++ {
		c := points[k].Confusion
		sum += (c.Recall() - points[k-1].Confusion.Recall()) * (precision + c.Precision()) / 2
		precision = c.Precision()
	}
	return sum
}
