package ablate

import (
	"github.com/januslm/janus/model"
)

// Grid is what a study is of. Lists with the tag axis are gone through in all combinations, as far as they make a difference: the
// rank of an adapter makes none where there is no adapter. All else is one value for all points.
type Grid struct {
	Name string `yaml:"name" doc:"what the study is called (default: the file's name)"`

	Data      []string `yaml:"data" doc:"files of labelled findings or training data, of any kind that janus data import takes (default: the data base)"`
	DB        string   `yaml:"db" doc:"data base of janus data, where no files are given (default: $JANUS_DB, else data/janus.db)"`
	Rows      int      `yaml:"rows" default:"0" doc:"most findings; some are chosen by split_seed, of each side and label their share; 0 is all"`
	OwnSplit  bool     `yaml:"own_split" default:"true" doc:"take the findings' own split, where they have one"`
	Test      float64  `yaml:"test" default:"0.3" doc:"share of test rows, where the findings' own split is not taken"`
	Dev       float64  `yaml:"dev" default:"0.2" doc:"share of the other rows that choose epochs, temperatures and thresholds, unless the own split that is taken has three sides"`
	SplitSeed uint64   `yaml:"split_seed" default:"0" doc:"of the split and of the choice of rows"`

	Model         []string  `yaml:"model" axis:"true" doc:"base models: folders, .gguf files, or pulled models' names (default: janus review's)"`
	Approach      []string  `yaml:"approach" default:"none" choices:"none,lora,joint,full" axis:"true" doc:"fine-tuning of the base before its states are taken"`
	Rank          []int     `yaml:"rank" default:"16" axis:"true" doc:"of LoRA's matrices"`
	TargetModules []string  `yaml:"target_modules" default:"q_proj+v_proj" axis:"true" doc:"projections with LoRA: names with + between, or all-linear"`
	Samples       []string  `yaml:"samples" default:"all" axis:"true" doc:"training rows, chosen by the seed, of each label its share: a number, or all"`
	Prompt        []string  `yaml:"prompt" default:"plain" choices:"plain,pe" axis:"true" doc:"text that the model is asked with"`
	Temperature   []float64 `yaml:"temperature" default:"0" axis:"true" doc:"of the analysis; 0 takes the likeliest token"`
	MinTokens     []int     `yaml:"min_tokens" default:"0" axis:"true" doc:"fewest tokens of an analysis"`
	MaxTokens     []int     `yaml:"max_tokens" default:"128" axis:"true" doc:"most tokens of an analysis"`
	Length        []string  `yaml:"length" default:"max" axis:"true" doc:"tokens of the analysis after which the verdict is taken: a number, or max for max_tokens"`
	Pooling       []string  `yaml:"pooling" default:"mean_generated" choices:"mean_generated,mean_from,mean_all,last,max,cls,mean" axis:"true" doc:"of the states (cls, mean and last are encoders')"`
	Layer         []string  `yaml:"layer" default:"last" axis:"true" doc:"that the states are of: last, or an index from 0"`
	Hidden        []string  `yaml:"hidden" default:"32" axis:"true" doc:"widths of the head's hidden layers: 32, 64x16 for two, none for logistic regression"`
	Activation    []string  `yaml:"activation" default:"gelu" choices:"gelu,relu,tanh,silu" axis:"true" doc:"between the layers"`
	Seed          []uint64  `yaml:"seed" default:"0" axis:"true" doc:"of the head's and the adapter's first weights, and of the choice of samples"`

	DType          string  `yaml:"dtype" doc:"of the base's weights: f32, bf16 or int8 (default: janus review's)"`
	Prompts        string  `yaml:"prompts" doc:"folder with parts of the prompt that you changed"`
	MaxPrompt      int     `yaml:"max_prompt" default:"2048" doc:"most tokens of a prompt"`
	TopP           float64 `yaml:"top_p" default:"1" doc:"sample from the likeliest tokens that make up this probability"`
	GenerationSeed uint64  `yaml:"generation_seed" default:"0" doc:"of the analyses, where the temperature is above 0"`
	States         string  `yaml:"states" doc:"folder that keeps the states (default: states in the study's folder)"`

	LoRA  string `yaml:"lora" doc:"recipe of the lora approach, a file of janus train lora; rank, target modules, seed, rows and prompt are the point's (default: that command's settings)"`
	Joint string `yaml:"joint" doc:"recipe of the joint approach, a file of janus train joint, likewise"`
	Full  string `yaml:"full" doc:"recipe of the full approach, a file of janus train full, likewise"`

	LayerNorm    bool    `yaml:"layer_norm" default:"false" doc:"heads normalise each state first"`
	Dropout      float64 `yaml:"dropout" default:"0" doc:"share of hidden units left out in training"`
	Loss         string  `yaml:"loss" default:"bce" choices:"bce,brier" doc:"what the training of heads minimises"`
	LearningRate float64 `yaml:"learning_rate" default:"1e-3" doc:"of heads"`
	WeightDecay  float64 `yaml:"weight_decay" default:"0.01" doc:"of heads"`
	Epochs       int     `yaml:"epochs" default:"100" doc:"most passes of a head over its training rows"`
	BatchSize    int     `yaml:"batch_size" default:"64" doc:"rows of an update of heads; 0 is all"`
	Patience     int     `yaml:"patience" default:"10" doc:"epochs without a lower dev loss after which a head is done; 0 is off"`
	ClassWeights string  `yaml:"class_weights" default:"none" doc:"none, balanced, or the weight of real findings"`
	Smoothing    float64 `yaml:"label_smoothing" default:"0" doc:"of labels"`
	Standardize  bool    `yaml:"standardize" default:"true" doc:"train heads on states of mean 0 and deviation 1, and fold that into the first layer"`
	Calibrate    bool    `yaml:"calibrate" default:"true" doc:"fit the heads' temperatures on the dev rows"`
	Threshold    string  `yaml:"threshold" default:"max-f1" doc:"on the dev rows: max-f1, recall:0.95 for the highest one that keeps so many, or a probability"`

	Resamples int `yaml:"resamples" default:"1000" doc:"draws of the test rows for intervals"`
}

// The approaches to fine-tuning.
const (
	approachNone  = "none"
	approachLoRA  = "lora"
	approachJoint = "joint"
	approachFull  = "full"
)

// Words that stand for numbers.
const (
	allSamples = "all"
	maxLength  = "max"
)

// setting is a point's settings: one value of each axis. It can be compared. What makes no difference to a point is zero.
type setting struct {
	Model    string // as the grid has it
	Approach string
	Rank     int
	Targets  string
	Samples  int // 0 is all

	Prompt      string
	Temperature float64
	Min, Max    int

	Length     int
	Pooling    string
	Layer      string
	Hidden     string
	Activation string
	Seed       uint64
}

// tuning is what the adapter, or the tuned base, follows from.
func (s setting) tuning() setting {
	t := setting{Model: s.Model, Approach: s.Approach}
	if s.Approach != approachNone {
		t.Rank, t.Targets, t.Samples, t.Seed, t.Prompt = s.Rank, s.Targets, s.Samples, s.Seed, s.Prompt // it learns with the words that it is asked with
	}
	return t
}

// pass is what a pass over the findings follows from.
func (s setting) pass() setting {
	p := s.tuning()
	p.Prompt, p.Temperature, p.Min, p.Max = s.Prompt, s.Temperature, s.Min, s.Max
	return p
}

// adapted tells whether the approach makes an adapter.
func (s *setting) adapted() bool { return s.Approach == approachLoRA || s.Approach == approachJoint }

// sampling is the pass's.
func (g *Grid) sampling(s setting) model.Sampling {
	return model.Sampling{MinTokens: s.Min, MaxTokens: s.Max, Temperature: s.Temperature, TopP: g.TopP, Seed: g.GenerationSeed}
}
