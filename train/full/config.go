package full

import (
	"cmp"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/train"
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

	run.Updates `defaults:"learning_rate=2e-5"`
	Seed        uint64 `yaml:"seed" default:"1" doc:"of the split and the order of rows"`

	run.Output
}

// Check refuses values that no run can have.
func (c *Config) Check() error {
	return cmp.Or(run.AtLeast("max_length", c.MaxLen, 2), run.Share("dev_share", c.DevShare), c.Updates.Check())
}

// Plan is what the settings say of the run; dtype is that of products.
func (c *Config) Plan(dtype dtypes.DType) Plan {
	return Plan{Updates: c.Updates, DType: dtype, Seed: c.Seed}
}

// Rows are the settings of what is learned from, as [train.Prepare] takes them.
func (c *Config) Rows() *train.LoRAConfig {
	return &train.LoRAConfig{
		Data: c.Data, Settings: train.Settings{Model: c.Model, DB: c.DB, MaxLen: c.MaxLen, DevShare: c.DevShare, Seed: c.Seed},
	}
}
