package heads

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/train/head"
)

// Calibration is a head's temperature and threshold, and its figures on the rows by which they were chosen.
type Calibration struct {
	Temperature float64
	Dev         metrics.Summary // at the threshold
	Note        string          // why there is no temperature but 1, where one was to be fitted
}

// Calibrate fits the temperature, where fit says so, and then chooses the threshold by a rule, on the logits of labelled dev
// rows. See [CheckThreshold] for the rules.
func Calibrate(logits []float64, labels []bool, fit bool, rule string) (*Calibration, error) {
	c := &Calibration{Temperature: 1}
	if fit {
		fitted, err := head.FitTemperature(logits, labels)
		switch {
		case errors.Is(err, head.ErrNoTemperature):
			c.Note = "not calibrated: " + err.Error()
		case err != nil:
			return nil, err
		default:
			c.Temperature = fitted
		}
	}
	p := make([]float64, len(logits))
	for i, z := range logits {
		p[i] = 1 / (1 + math.Exp(-z/c.Temperature))
	}
	scores, err := metrics.NewScores(labels, p)
	if err != nil {
		return nil, err
	}
	at, err := threshold(rule, scores)
	if err != nil {
		return nil, err
	}
	c.Dev = scores.Summary(at)
	return c, nil
}

// CheckThreshold refuses what is no rule for a threshold: "max-f1", "recall:0.95" or a probability.
func CheckThreshold(rule string) error {
	_, err := threshold(rule, nil)
	return err
}

// threshold reads the rule and applies it; without scores the rule is only checked.
func threshold(rule string, s *metrics.Scores) (float64, error) {
	bad := fmt.Errorf("threshold: expected max-f1, recall:0.95 (above 0 to 1) or a probability, found %q", rule)
	if rule == "max-f1" {
		if s == nil {
			return 0, nil
		}
		return s.MaxF1()
	}
	text, isRecall := strings.CutPrefix(rule, "recall:")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) || isRecall && v == 0 {
		return 0, bad
	}
	if !isRecall || s == nil {
		return v, nil
	}
	return s.RecallAtLeast(v)
}

// ClassWeights are those of real findings and of false alarms, for so many of each, by a rule: "none", "balanced", or the weight
// of real findings.
func ClassWeights(rule string, positives, negatives int) (positive, negative float64, err error) {
	switch rule {
	case "none":
		return 1, 1, nil
	case "balanced": // as scikit-learn's: both classes weigh the same, and the mean weight is 1
		n := float64(positives + negatives)
		return n / (2 * float64(max(positives, 1))), n / (2 * float64(max(negatives, 1))), nil
	}
	w, err := strconv.ParseFloat(rule, 64)
	if err != nil || !(w > 0) {
		return 0, 0, fmt.Errorf("class_weights: expected none, balanced or a number above 0, found %q", rule)
	}
	return w, 1, nil
}

// Widths reads the widths of hidden layers: "64x16", or "none".
func Widths(text string) ([]int, error) {
	list := []int{}
	if text == "none" {
		return list, nil
	}
	for _, part := range strings.Split(text, "x") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("hidden: expected widths such as 32 or 64x16, or none, found %q", text)
		}
		list = append(list, n)
	}
	return list, nil
}
