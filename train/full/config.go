package full

import (
	"cmp"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/train/run"
)

// Config are the settings of `janus train full`: those of `janus train lora` without the adapter's, and with the lower learning
// rate that all weights want.
type Config struct {
	Model string `yaml:"model" default:"" resume:"free" doc:"model to tune: a Hugging Face folder, a .gguf file, or the name of a pulled model; none: $MODEL_PATH, else the small one that make fetches"`
	DType string `yaml:"dtype" default:"" choices:",f32,bf16" doc:"of products: f32 or bf16; none: f32 on a CPU, bf16 on a GPU. The weights are float32"`
	DB    string `yaml:"db" default:"" resume:"free" doc:"data base that rows come from where data names no files; none: $JANUS_DB, else data/janus.db"`

	Data     []string `yaml:"data" default:"" resume:"free" doc:"files of conversations, as janus data export --format reasoning writes them; none: the rows of the data base"`
	MaxLen   int      `yaml:"max_length" default:"1024" doc:"longest prompt and answer together, in tokens; a longer prompt is cut as in a review, an answer never"`
	DevShare float64  `yaml:"dev_share" default:"0.1" doc:"share of the rows to validate on, where the rows have no split; 0 validates on none"`

	Epochs       int     `yaml:"epochs" default:"3" doc:"times that every row is learned from"`
	MaxSteps     int     `yaml:"max_steps" default:"0" doc:"updates after which the run ends; 0 is all epochs"`
	BatchSize    int     `yaml:"batch_size" default:"4" doc:"rows at once"`
	Accumulate   int     `yaml:"gradient_accumulation" default:"4" doc:"batches an update"`
	LearningRate float64 `yaml:"learning_rate" default:"2e-5" doc:"after the warm-up"`
	Schedule     string  `yaml:"schedule" default:"cosine" choices:"constant,linear,cosine" doc:"of the learning rate after the warm-up"`
	Warmup       float64 `yaml:"warmup_ratio" default:"0.03" doc:"share of the updates in which the learning rate grows from 0"`
	WeightDecay  float64 `yaml:"weight_decay" default:"0.01" doc:"of AdamW, decoupled; biases and norms have none"`
	Beta1        float64 `yaml:"adam_beta1" default:"0.9" doc:"of AdamW"`
	Beta2        float64 `yaml:"adam_beta2" default:"0.999" doc:"of AdamW"`
	Eps          float64 `yaml:"adam_epsilon" default:"1e-8" doc:"of AdamW"`
	MaxGradNorm  float64 `yaml:"max_grad_norm" default:"1" doc:"gradients are scaled down to this length; 0 leaves them"`
	Checkpoints  bool    `yaml:"gradient_checkpointing" default:"false" doc:"less memory for a third more time"`

	EvalEvery int    `yaml:"eval_every" default:"0" doc:"updates between two validations; 0 is once an epoch"`
	SaveEvery int    `yaml:"save_every" default:"0" doc:"updates between two checkpoints besides those at validations; 0 is none"`
	Patience  int    `yaml:"patience" default:"3" doc:"validations without a lower loss after which the run ends; 0 goes on"`
	Seed      uint64 `yaml:"seed" default:"1" doc:"of the split and the order of rows"`

	run.Output
}

// Check refuses values that no run can have.
func (c *Config) Check() error {
	if err := cmp.Or(
		run.AtLeast("max_length", c.MaxLen, 2), run.AtLeast("epochs", c.Epochs, 1), run.AtLeast("max_steps", c.MaxSteps, 0),
		run.AtLeast("batch_size", c.BatchSize, 1),
		run.AtLeast("gradient_accumulation", c.Accumulate, 1), run.AtLeast("eval_every", c.EvalEvery, 0),
		run.AtLeast("save_every", c.SaveEvery, 0), run.AtLeast("patience", c.Patience, 0),
		run.Share("dev_share", c.DevShare), run.Share("warmup_ratio", c.Warmup),
	); err != nil {
		return err
	}
	return c.adamW().Check()
}

func (c *Config) adamW() optimize.AdamW {
	return optimize.AdamW{
		LearningRate: c.LearningRate, Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, WeightDecay: c.WeightDecay, MaxGradNorm: c.MaxGradNorm,
	}
}

// Plan is what the settings say of the run; dtype is that of products.
func (c *Config) Plan(dtype dtypes.DType) Plan {
	return Plan{
		AdamW: c.adamW(), Schedule: c.Schedule, Warmup: c.Warmup, DType: dtype, Epochs: c.Epochs, MaxSteps: c.MaxSteps,
		BatchSize: c.BatchSize, Accumulate: c.Accumulate, EvalEvery: c.EvalEvery, SaveEvery: c.SaveEvery, Patience: c.Patience,
		Checkpoints: c.Checkpoints, Seed: c.Seed,
	}
}

// Rows are the settings of what is learned from, as [train.Prepare] takes them.
func (c *Config) Rows() *train.LoRAConfig {
	return &train.LoRAConfig{
		Data: c.Data, Settings: train.Settings{Model: c.Model, DB: c.DB, MaxLen: c.MaxLen, DevShare: c.DevShare, Seed: c.Seed},
	}
}
