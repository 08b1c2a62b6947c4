package train

import (
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/heads"
)

// JointConfig are the settings of a run that trains an adapter and a head together.
type JointConfig struct {
	Data []string `yaml:"data" resume:"free" doc:"files of conversations (janus data export --format reasoning), and of labelled findings in any format that janus review reads; none: the data base"`
	Settings

	Pairs      bool    `yaml:"pairs" default:"false" doc:"keep twins in one batch: two labelled rows that follow each other, of one group, one real and one not. What they share then cancels in the gradient"`
	LMWeight   float64 `yaml:"lm_weight" default:"1" doc:"of the answers' loss, the mean over their tokens"`
	HeadWeight float64 `yaml:"head_weight" default:"1" doc:"of the head's loss, the mean over labelled rows"`
	HeadRate   float64 `yaml:"head_learning_rate" default:"1e-3" doc:"of the head, under the same schedule as the adapter's"`

	Hidden     string `yaml:"hidden" default:"32" doc:"widths of the head's hidden layers: 32, 64x16 for two, none for logistic regression"`
	Activation string `yaml:"activation" default:"gelu" choices:"gelu,relu,tanh,silu" doc:"between the head's layers"`
	LayerNorm  bool   `yaml:"layer_norm" default:"true" doc:"normalise each state first"`
	Pooling    string `yaml:"pooling" default:"mean_generated" choices:"mean_generated,mean_from,mean_all,last,max" doc:"of the layer's states"`
	Layer      string `yaml:"layer" default:"last" doc:"whose states: last, after the final norm, or an index from 0; what no loss reads is not computed"`
	Lengths    []int  `yaml:"lengths" doc:"tokens of the analysis after which the head reads, each as a review does after so many; none: after all of it. A row without an analysis is read after its prompt, as after 0"`

	ClassWeights string  `yaml:"class_weights" default:"none" doc:"none, balanced, or the weight of real findings"`
	Smoothing    float64 `yaml:"label_smoothing" default:"0" doc:"of labels"`
	Calibrate    bool    `yaml:"calibrate" default:"true" doc:"fit the temperature on the dev rows"`
	Threshold    string  `yaml:"threshold" default:"max-f1" doc:"on the dev rows: max-f1, recall:0.95 for the highest one that keeps so many, or a probability"`

	Prompt  string `yaml:"prompt" default:"plain" choices:"plain,pe" doc:"text that the model is asked about findings with; conversations have their own"`
	Prompts string `yaml:"prompts" doc:"folder with parts of it that you changed"`
}

// Check refuses values that no run can have.
func (c *JointConfig) Check() error {
	if !(c.LMWeight >= 0 && c.HeadWeight >= 0 && c.LMWeight+c.HeadWeight > 0) {
		return fmt.Errorf("lm_weight is %v and head_weight %v, expected at least 0 and not both 0", c.LMWeight, c.HeadWeight)
	}
	for _, k := range c.Lengths {
		if k < 0 {
			return fmt.Errorf("lengths: expected 0 or more, found %d", k)
		}
	}
	slices.Sort(c.Lengths)
	if err := heads.CheckThreshold(c.Threshold); err != nil {
		return err
	}
	if c.Pairs && c.BatchSize%2 != 0 {
		return fmt.Errorf("batch_size is %d, expected an even number: pairs keeps two rows in one batch", c.BatchSize)
	}
	if _, err := c.spec(1, 1, 1); err != nil {
		return err
	}
	return c.Settings.Check()
}

// spec is the head before training, for states of so many numbers and so many rows of each class.
func (c *JointConfig) spec(width, positives, negatives int) (*head.Spec, error) {
	layers, err := heads.Widths(c.Hidden)
	if err != nil {
		return nil, err
	}
	h := classifier.DefaultConfig(width)
	if h.Layer, err = classifier.ParseLayer(c.Layer); err != nil {
		return nil, err
	}
	h.Layers, h.Activation, h.LayerNorm, h.Pooling = layers, classifier.Activation(c.Activation), c.LayerNorm, classifier.Pooling(c.Pooling)
	s := head.DefaultSpec(h)
	s.Name, s.Seed, s.LearningRate, s.WeightDecay, s.Smoothing = headDir, c.Seed, c.HeadRate, c.WeightDecay, c.Smoothing
	if s.PosWeight, s.NegWeight, err = heads.ClassWeights(c.ClassWeights, positives, negatives); err != nil {
		return nil, err
	}
	return &s, s.Validate()
}
