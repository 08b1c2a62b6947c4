package heads

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/train/states"
)

// Config are the settings of `janus train head`. Lists make a head for each combination of their values.
type Config struct {
	Data      []string `yaml:"data" doc:"files of labelled findings, in any format that janus review reads (default: the data base)"`
	DB        string   `yaml:"db" doc:"data base of janus data, where no files are given (default: $JANUS_DB, else data/janus.db)"`
	Model     string   `yaml:"model" doc:"base model: a folder, a .gguf file, or a pulled model's name (default: janus review's)"`
	Adapter   string   `yaml:"adapter" doc:"LoRA adapter that the heads are for, a PEFT folder"`
	DType     string   `yaml:"dtype" doc:"of the weights: f32, bf16 or int8 (default: janus review's)"`
	Prompt    string   `yaml:"prompt" default:"plain" choices:"plain,pe" doc:"text that the model is asked with"`
	Prompts   string   `yaml:"prompts" doc:"folder with parts of it that you changed"`
	MaxPrompt int      `yaml:"max_prompt" default:"2048" doc:"most tokens of a prompt"`

	Analyses       string  `yaml:"analyses" default:"own" choices:"own,given" doc:"the model's own, or the rows', which the model reads, without their verdicts"`
	MinTokens      int     `yaml:"min_tokens" default:"0" doc:"fewest tokens of an analysis"`
	MaxTokens      int     `yaml:"max_tokens" default:"128" doc:"most tokens of an analysis"`
	Temperature    float64 `yaml:"temperature" default:"0" doc:"of the analysis; 0 takes the likeliest token"`
	TopP           float64 `yaml:"top_p" default:"1" doc:"sample from the likeliest tokens that make up this probability"`
	GenerationSeed uint64  `yaml:"generation_seed" default:"0" doc:"of the analysis, where the temperature is above 0"`
	States         string  `yaml:"states" resume:"free" doc:"folder that keeps the states (default: states in Janus's cache)"`

	Reads    string `yaml:"features" default:"states" choices:"states,embeddings" doc:"what heads read: pooled states, or embeddings of input and analysis"`
	Embedder string `yaml:"embedder" doc:"of embeddings: an encoder, as for model (default: the model's own token embeddings)"`

	Hidden     []string `yaml:"hidden" default:"32" doc:"widths of the hidden layers: 32, 64x16 for two, none for logistic regression"`
	Activation string   `yaml:"activation" default:"gelu" choices:"gelu,relu,tanh,silu" doc:"between the layers"`
	LayerNorm  bool     `yaml:"layer_norm" default:"false" doc:"normalise each state first"`
	Dropout    float64  `yaml:"dropout" default:"0" doc:"share of hidden units left out in training"`
	Pooling    []string `yaml:"pooling" default:"mean_generated" doc:"mean_generated, mean_from, mean_all, last, max; of encoders cls, mean, last"`
	Layer      []string `yaml:"layer" default:"last" doc:"layers that the states are of: last, or an index from 0"`
	Lengths    []int    `yaml:"lengths" doc:"tokens of the analysis after which states are taken (default: max_tokens)"`
	Seeds      []uint64 `yaml:"seeds" default:"0" doc:"of the heads' first weights"`

	Loss         string  `yaml:"loss" default:"bce" choices:"bce,brier" doc:"what training minimises"`
	LearningRate float64 `yaml:"learning_rate" default:"1e-3" doc:"of AdamW"`
	WeightDecay  float64 `yaml:"weight_decay" default:"0.01" doc:"of AdamW"`
	Epochs       int     `yaml:"epochs" default:"100" doc:"most passes over the training rows"`
	BatchSize    int     `yaml:"batch_size" default:"64" doc:"rows of an update; 0 is all"`
	Patience     int     `yaml:"patience" default:"10" doc:"epochs without a lower dev loss after which a head is done; 0 is off"`
	ClassWeights string  `yaml:"class_weights" default:"none" doc:"none, balanced, or the weight of real findings"`
	Smoothing    float64 `yaml:"label_smoothing" default:"0" doc:"of labels"`
	Standardize  bool    `yaml:"standardize" default:"true" doc:"train on states of mean 0 and deviation 1, and fold that into the first layer"`

	Dev       float64 `yaml:"dev" default:"0.2" doc:"share of dev rows, where the rows have no split of their own"`
	Seed      uint64  `yaml:"seed" default:"0" doc:"of the split and of the order of the rows"`
	Calibrate bool    `yaml:"calibrate" default:"true" doc:"fit the temperature on the dev rows"`
	Threshold string  `yaml:"threshold" default:"max-f1" doc:"on the dev rows: max-f1, recall:0.95 for the highest one that keeps so many, or a probability"`

	run.Output
}

// The analyses that states are of.
const (
	Own   = "own"   // the model's
	Given = "given" // the rows': teacher forcing
)

// Check reports the first setting that is out of range or cannot be read.
func (c *Config) Check() error {
	if len(c.Lengths) == 0 {
		c.Lengths = []int{c.MaxTokens}
	}
	for _, list := range []struct {
		key string
		n   int
	}{{"hidden", len(c.Hidden)}, {"pooling", len(c.Pooling)}, {"layer", len(c.Layer)}, {"seeds", len(c.Seeds)}} {
		if list.n == 0 {
			return fmt.Errorf("%s is empty: there would be no head", list.key)
		}
	}
	for _, k := range c.Lengths {
		if k < 0 || k > c.MaxTokens {
			return fmt.Errorf("lengths: expected 0 to max_tokens, %d, found %d", c.MaxTokens, k)
		}
	}
	switch {
	case c.Reads != classifier.ReadsEmbeddings && c.Embedder != "":
		return fmt.Errorf("embedder is given, and features are %s: expected embeddings", c.Reads)
	case c.Reads == classifier.ReadsEmbeddings && (!slices.Equal(c.Pooling, []string{"mean_generated"}) || !slices.Equal(c.Layer, []string{"last"})):
		return errors.New("pooling and layer are of states: embeddings are means, of last states or of token embeddings")
	}
	if !(c.Dev > 0 && c.Dev < 1) {
		return fmt.Errorf("dev: expected between 0 and 1, found %v", c.Dev)
	}
	if err := cmp.Or(
		run.AtLeast("epochs", c.Epochs, 1), run.AtLeast("batch_size", c.BatchSize, 0), run.AtLeast("patience", c.Patience, 0),
		run.AtLeast("max_prompt", c.MaxPrompt, 1),
	); err != nil {
		return err
	}
	if _, _, err := ClassWeights(c.ClassWeights, 1, 1); err != nil {
		return err
	}
	if err := CheckThreshold(c.Threshold); err != nil {
		return err
	}
	if err := c.sampling().Validate(); err != nil {
		return err
	}
	_, err := c.specs(1, "", 1, 1)
	return err
}

func (c *Config) sampling() model.Sampling {
	return model.Sampling{MinTokens: c.MinTokens, MaxTokens: c.MaxTokens, Temperature: c.Temperature, TopP: c.TopP, Seed: c.GenerationSeed}
}

// inputs are the states that heads read, without repeats.
func (c *Config) inputs() ([]states.Input, error) {
	var list []states.Input
	if c.Reads == classifier.ReadsEmbeddings {
		for _, k := range c.Lengths {
			if in := (states.Input{Feature: embedded, Length: k}); !slices.Contains(list, in) {
				list = append(list, in)
			}
		}
		return list, nil
	}
	for _, layer := range c.Layer {
		l, err := classifier.ParseLayer(layer)
		if err != nil {
			return nil, err
		}
		for _, pooling := range c.Pooling {
			if err := classifier.Pooling(pooling).Check(); err != nil {
				return nil, err
			}
			for _, k := range c.Lengths {
				in := states.Input{Feature: classifier.Feature{Layer: l, Pooling: classifier.Pooling(pooling)}, Length: k}
				if !slices.Contains(list, in) {
					list = append(list, in)
				}
			}
		}
	}
	return list, nil
}

// embedded is what embeddings are kept as: means over the last states of an encoder, or over token embeddings.
var embedded = classifier.Feature{Layer: classifier.LastLayer, Pooling: classifier.PoolMean}

// Features are the pooled states that the model must be opened with.
func (c *Config) Features() ([]classifier.Feature, error) {
	if c.Reads == classifier.ReadsEmbeddings {
		return nil, nil
	}
	inputs, err := c.inputs()
	if err != nil {
		return nil, err
	}
	var list []classifier.Feature
	for _, in := range inputs {
		if !slices.Contains(list, in.Feature) {
			list = append(list, in.Feature)
		}
	}
	return list, nil
}

// specs are the heads: a combination of shape, state and seed each, for states of so many numbers. embedder is the SHA-256 of what
// makes embeddings.
func (c *Config) specs(width int, embedder string, positives, negatives int) ([]head.Spec, error) {
	inputs, err := c.inputs()
	if err != nil {
		return nil, err
	}
	positive, negative, err := ClassWeights(c.ClassWeights, positives, negatives)
	if err != nil {
		return nil, err
	}
	var list []head.Spec
	names := map[string]bool{}
	for _, hidden := range c.Hidden {
		layers, err := Widths(hidden)
		if err != nil {
			return nil, err
		}
		for i, in := range inputs {
			for _, seed := range c.Seeds {
				h := classifier.DefaultConfig(width)
				h.Layers, h.Activation, h.LayerNorm, h.Dropout = layers, classifier.Activation(c.Activation), c.LayerNorm, c.Dropout
				h.Layer, h.Pooling = in.Feature.Layer, in.Feature.Pooling
				h.MinTokens, h.MaxTokens = min(c.MinTokens, in.Length), in.Length
				if c.Reads == classifier.ReadsEmbeddings {
					h.Features, h.Embedder = c.Reads, embedder
				}
				s := head.DefaultSpec(h)
				s.Name = fmt.Sprintf("%s-%s-%s-t%d-s%d", hidden, in.Feature.Pooling, in.Feature.Layer, in.Length, seed)
				s.Input, s.Seed, s.Loss, s.LearningRate, s.WeightDecay = i, seed, head.Loss(c.Loss), c.LearningRate, c.WeightDecay
				s.PosWeight, s.NegWeight, s.Smoothing = positive, negative, c.Smoothing
				if err := s.Validate(); err != nil {
					return nil, err
				}
				if names[s.Name] {
					return nil, fmt.Errorf("head %s is asked for twice", s.Name)
				}
				names[s.Name] = true
				list = append(list, s)
			}
		}
	}
	return list, nil
}
