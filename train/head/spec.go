package head

import (
	"fmt"
	"math"

	"github.com/januslm/janus/classifier"
)

// Loss is what training minimises.
type Loss string

// The losses.
const (
	BCE   Loss = "bce"   // binary cross-entropy
	Brier Loss = "brier" // squared error of the probability
)

// Spec is a head to train.
type Spec struct {
	Name   string            // in results and errors
	Config classifier.Config // its shape, activation, layer norm, dropout; the rest is passed through
	Input  int               // which of the data's inputs it reads
	Seed   uint64            // of its weights and its dropout

	Loss         Loss
	LearningRate float64
	WeightDecay  float64 // decoupled, of every tensor
	// The classes' weights in the loss; 1 and 1 is plain. torch's pos_weight is PosWeight with a NegWeight of 1.
	PosWeight, NegWeight float64
	Smoothing            float64 // of labels, 0 to below 1
}

// DefaultSpec has the usual settings: binary cross-entropy and AdamW at 1e-3.
func DefaultSpec(c classifier.Config) Spec {
	return Spec{Config: c, Loss: BCE, LearningRate: 1e-3, WeightDecay: 0.01, PosWeight: 1, NegWeight: 1}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Validate reports the first setting that is out of range.
func (s *Spec) Validate() error {
	switch {
	case s.Loss != BCE && s.Loss != Brier:
		return fmt.Errorf("loss is %q, expected %s or %s", s.Loss, BCE, Brier)
	case !(s.LearningRate > 0) || !finite(s.LearningRate):
		return fmt.Errorf("learning rate is %v, expected a number above 0", s.LearningRate)
	case !(s.WeightDecay >= 0) || !finite(s.WeightDecay):
		return fmt.Errorf("weight decay is %v, expected 0 or more", s.WeightDecay)
	case !(s.PosWeight > 0) || !finite(s.PosWeight) || !(s.NegWeight > 0) || !finite(s.NegWeight):
		return fmt.Errorf("class weights are %v and %v, expected numbers above 0", s.PosWeight, s.NegWeight)
	case !(s.Smoothing >= 0 && s.Smoothing < 1):
		return fmt.Errorf("label smoothing is %v, expected 0 to below 1", s.Smoothing)
	}
	return s.Config.Validate()
}

// Data is labelled rows with the pooled states of each: one matrix an input, such as a layer, a pooling or a length.
type Data struct {
	Labels []bool
	Inputs [][]float32 // each [N, D], row-major; D may differ from input to input
}

// N is the number of rows.
func (d *Data) N() int { return len(d.Labels) }

// width is D of an input.
func (d *Data) width(input int) int { return len(d.Inputs[input]) / max(d.N(), 1) }

// Check refuses data that nothing can be learned from, or that would spoil every weight.
func (d *Data) Check(what string) error {
	positives := 0
	for _, l := range d.Labels {
		if l {
			positives++
		}
	}
	switch {
	case d.N() == 0:
		return fmt.Errorf("the %s rows are empty", what)
	case positives == 0:
		return fmt.Errorf("all %d %s rows are labelled FP: nothing can be learned from one class; give real findings (TP) too", d.N(), what)
	case positives == d.N():
		return fmt.Errorf("all %d %s rows are labelled TP: nothing can be learned from one class; give false alarms (FP) too", d.N(), what)
	}
	for k, x := range d.Inputs {
		if len(x) == 0 || len(x)%d.N() != 0 {
			return fmt.Errorf("input %d of the %s rows has %d numbers, expected a multiple of %d rows", k, what, len(x), d.N())
		}
		for i, v := range x {
			if !finite(float64(v)) {
				return fmt.Errorf("input %d of the %s rows holds %v in row %d: the states are damaged, harvest them anew", k, what, v, i/d.width(k))
			}
		}
	}
	return nil
}
