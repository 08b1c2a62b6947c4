package run

import (
	"cmp"
	"math"

	"github.com/januslm/janus/train/optimize"
)

// Updates are the settings of how a run goes through its rows. Configs embed them, with other defaults where they want them.
type Updates struct {
	Epochs       int     `yaml:"epochs" default:"3" doc:"times that every row is learned from"`
	MaxSteps     int     `yaml:"max_steps" default:"0" doc:"updates after which the run ends; 0 is all epochs"`
	BatchSize    int     `yaml:"batch_size" default:"4" doc:"rows at once"`
	Accumulate   int     `yaml:"gradient_accumulation" default:"4" doc:"batches an update"`
	LearningRate float64 `yaml:"learning_rate" default:"2e-4" doc:"after the warm-up; 2e-4 suits an adapter, 2e-5 all weights, 1e-3 a new model"`
	Schedule     string  `yaml:"schedule" default:"cosine" choices:"constant,linear,cosine" doc:"of the learning rate after the warm-up"`
	Warmup       float64 `yaml:"warmup_ratio" default:"0.03" doc:"share of the updates in which the learning rate grows from 0"`
	WeightDecay  float64 `yaml:"weight_decay" default:"0.01" doc:"of AdamW, decoupled; where all weights are trained, biases and norms have none"`
	Beta1        float64 `yaml:"adam_beta1" default:"0.9" doc:"of AdamW"`
	Beta2        float64 `yaml:"adam_beta2" default:"0.999" doc:"of AdamW"`
	Eps          float64 `yaml:"adam_epsilon" default:"1e-8" doc:"of AdamW"`
	MaxGradNorm  float64 `yaml:"max_grad_norm" default:"1" doc:"gradients are scaled down to this length; 0 leaves them"`
	Checkpoints  bool    `yaml:"gradient_checkpointing" default:"false" doc:"less memory for a third more time"`

	EvalEvery int `yaml:"eval_every" default:"0" doc:"updates between two validations; 0 is once an epoch"`
	SaveEvery int `yaml:"save_every" default:"0" doc:"updates between two checkpoints besides those at validations; 0 is none"`
	Patience  int `yaml:"patience" default:"3" doc:"validations without a better one after which the run ends; 0 goes on"`
}

// Check refuses values that no run can have.
func (u *Updates) Check() error {
	if err := cmp.Or(
		AtLeast("epochs", u.Epochs, 1), AtLeast("max_steps", u.MaxSteps, 0),
		AtLeast("batch_size", u.BatchSize, 1), AtLeast("gradient_accumulation", u.Accumulate, 1),
		AtLeast("eval_every", u.EvalEvery, 0), AtLeast("save_every", u.SaveEvery, 0), AtLeast("patience", u.Patience, 0),
		Share("warmup_ratio", u.Warmup),
	); err != nil {
		return err
	}
	return u.AdamW().Check()
}

// AdamW are the optimiser's settings.
func (u *Updates) AdamW() optimize.AdamW {
	return optimize.AdamW{
		LearningRate: u.LearningRate, Beta1: u.Beta1, Beta2: u.Beta2, Eps: u.Eps, WeightDecay: u.WeightDecay, MaxGradNorm: u.MaxGradNorm,
	}
}

// Rates are the learning rates of a run of so many updates.
func (u *Updates) Rates(total int) optimize.Schedule {
	return optimize.Schedule{Kind: u.Schedule, Warmup: int(math.Ceil(u.Warmup * float64(total))), Total: total}
}
