package metrics

import "math"

// Confusion counts verdicts by label (first letter: whether the verdict is right, second: what it says).
type Confusion struct {
	TP int `json:"tp"` // real, called real
	FP int `json:"fp"` // false alarm, called real
	TN int `json:"tn"` // false alarm, called false
	FN int `json:"fn"` // real, called false
}

// Add counts a verdict.
func (c *Confusion) Add(label, verdict bool) {
	switch {
	case label && verdict:
		c.TP++
	case label:
		c.FN++
	case verdict:
		c.FP++
	default:
		c.TN++
	}
}

// N is the number of verdicts.
func (c Confusion) N() int { return c.TP + c.FP + c.TN + c.FN }

// Precision is TP/(TP+FP), the share of what is called real that is; 0 where nothing is called real. (Van Rijsbergen,
// Information Retrieval, 1979, chapter 7, as are recall and F1.)
func (c Confusion) Precision() float64 { return ratio(c.TP, c.TP+c.FP) }

// Recall is TP/(TP+FN), the share of real findings that are called so: sensitivity, the true positive rate.
func (c Confusion) Recall() float64 { return ratio(c.TP, c.TP+c.FN) }

// F1 is the harmonic mean of precision and recall, 2·TP/(2·TP+FP+FN).
func (c Confusion) F1() float64 { return ratio(2*c.TP, 2*c.TP+c.FP+c.FN) }

// Accuracy is (TP+TN)/N.
func (c Confusion) Accuracy() float64 { return ratio(c.TP+c.TN, c.N()) }

// Specificity is TN/(TN+FP), the share of false alarms that are called so.
func (c Confusion) Specificity() float64 { return ratio(c.TN, c.TN+c.FP) }

// FPR is FP/(FP+TN) = 1 − specificity, the share of false alarms that get through.
func (c Confusion) FPR() float64 { return ratio(c.FP, c.TN+c.FP) }

// BalancedAccuracy is (recall + specificity)/2 (Brodersen et al., The Balanced Accuracy and Its Posterior Distribution,
// 2010); NaN unless both classes are there.
func (c Confusion) BalancedAccuracy() float64 {
	if c.TP+c.FN == 0 || c.TN+c.FP == 0 {
		return math.NaN()
	}
	return (c.Recall() + c.Specificity()) / 2
}

// MCC is Matthews' correlation coefficient, the correlation of labels and verdicts:
//
//	(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))
//
// from −1 to 1, and 0 where a factor below the root is 0 (Matthews, Biochimica et Biophysica Acta 405, 1975).
func (c Confusion) MCC() float64 {
	tp, fp, tn, fn := float64(c.TP), float64(c.FP), float64(c.TN), float64(c.FN)
	below := (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn) // in float64: the product of four counts outgrows an int64
	if below == 0 {
		return 0
	}
	return (tp*tn - fp*fn) / math.Sqrt(below)
}

// FPReduction is TN/(TN+FP): the share of a scanner's false findings that the verdicts remove. It is the specificity, by
// the name it has where the findings are all the scanner's own; next to it stands [Confusion.Recall], which is what of the
// real findings is kept, as a reduction alone says nothing: calling all false removes everything.
func (c Confusion) FPReduction() float64 { return c.Specificity() }
