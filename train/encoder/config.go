package encoder

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// What a run changes of the encoder.
const (
	Full = "full" // all weights
	LoRA = "lora" // an adapter beside them
)

// What tells which checkpoint is the best.
const (
	ByLoss = "loss" // the lowest loss on the dev rows, without class weights and smoothing
	ByAUC  = "auc"  // the highest area under the ROC curve
	ByF1   = "f1"   // the highest F1 at the best threshold
)

// Config are the settings of `janus train encoder`. The defaults of length, batch and learning rate are those of the study that
// compares encoders with decoders.
type Config struct {
	Data    []string `yaml:"data" resume:"free" doc:"files of labelled findings, in any format that janus review reads (default: the data base)"`
	DB      string   `yaml:"db" resume:"free" doc:"data base of janus data, where no files are given (default: $JANUS_DB, else data/janus.db)"`
	Model   string   `yaml:"model" resume:"free" doc:"encoder: a Hugging Face folder or the name of a pulled model, such as microsoft/codebert-base (default: $MODEL_PATH)"`
	DType   string   `yaml:"dtype" doc:"of products: f32 or bf16 (default: f32 on a CPU, bf16 on a GPU); what is trained stays float32"`
	Prompt  string   `yaml:"prompt" default:"plain" choices:"plain,pe" doc:"templates of the finding's text, as in a review"`
	Prompts string   `yaml:"prompts" doc:"folder with templates that you changed"`
	MaxLen  int      `yaml:"max_length" default:"256" doc:"most tokens of a finding's text; longer ones are cut as a review cuts them"`
	Dev     float64  `yaml:"dev_share" default:"0.1" doc:"share of the rows to validate on, where the rows have no split of their own"`

	Method        string   `yaml:"method" default:"full" choices:"full,lora" doc:"full changes all weights, lora trains an adapter beside them"`
	Rank          int      `yaml:"lora_rank" default:"16" doc:"of lora: rank of A and B"`
	Alpha         float64  `yaml:"lora_alpha" default:"32" doc:"of lora: B·A is multiplied by alpha/rank"`
	LoRADropout   float64  `yaml:"lora_dropout" default:"0.05" doc:"of lora: share of an adapter's inputs that is dropped in training"`
	Targets       []string `yaml:"target_modules" default:"all-linear" doc:"of lora: projections that are adapted, or all-linear"`
	RSLoRA        bool     `yaml:"use_rslora" default:"false" doc:"of lora: B·A is multiplied by alpha/√rank"`
	DoRA          bool     `yaml:"use_dora" default:"false" doc:"of lora: the length of each row is learned apart"`
	HiddenDropout float64  `yaml:"hidden_dropout" default:"0.1" doc:"of full: share that is dropped in training of the embedding and of what attention and MLP add"`

	Pooling     string  `yaml:"pooling" default:"cls" choices:"cls,mean,last" doc:"state that the head reads: the first token's, the mean over all, or the last token's"`
	Hidden      string  `yaml:"hidden" default:"none" doc:"widths of the head's hidden layers: 32, 64x16 for two, none for logistic regression"`
	Activation  string  `yaml:"activation" default:"gelu" choices:"gelu,relu,tanh,silu" doc:"between the head's layers"`
	LayerNorm   bool    `yaml:"layer_norm" default:"false" doc:"normalise the pooled state first"`
	HeadDropout float64 `yaml:"head_dropout" default:"0.1" doc:"share of the pooled state that is dropped in training"`
	HeadRate    float64 `yaml:"head_learning_rate" default:"1e-3" doc:"of the head, which starts from nothing; 0 is learning_rate"`

	run.Updates `defaults:"epochs=5 batch_size=8 gradient_accumulation=1 learning_rate=2e-5 schedule=linear warmup_ratio=0.06"`

	ClassWeights string  `yaml:"class_weights" default:"none" doc:"none, balanced, or the weight of real findings"`
	Smoothing    float64 `yaml:"label_smoothing" default:"0" doc:"of labels"`
	Best         string  `yaml:"best" default:"loss" choices:"loss,auc,f1" doc:"figure on the dev rows that tells which checkpoint is the best"`
	Seed         uint64  `yaml:"seed" default:"1" doc:"of the head, the adapter, the split, the order of rows and dropout"`
	Calibrate    bool    `yaml:"calibrate" default:"true" doc:"fit the temperature on the dev rows"`
	Threshold    string  `yaml:"threshold" default:"max-f1" doc:"on the dev rows: max-f1, recall:0.95 for the highest one that keeps so many, or a probability"`

	run.Output
}

// Check refuses values that no run can have.
func (c *Config) Check() error {
	if err := cmp.Or(
		run.AtLeast("max_length", c.MaxLen, 1), run.AtLeast("lora_rank", c.Rank, 1), c.Updates.Check(),
		run.Share("lora_dropout", c.LoRADropout), run.Share("hidden_dropout", c.HiddenDropout), run.Share("head_dropout", c.HeadDropout),
		run.Share("label_smoothing", c.Smoothing),
	); err != nil {
		return err
	}
	switch {
	case !(c.Dev > 0 && c.Dev < 1):
		return fmt.Errorf("dev_share is %v, expected between 0 and 1: the head is calibrated on dev rows", c.Dev)
	case c.DType == "int8":
		return fmt.Errorf("dtype is int8, which cannot be trained with: expected f32 or bf16")
	case !(c.HeadRate >= 0):
		return fmt.Errorf("head_learning_rate is %v, expected at least 0", c.HeadRate)
	case !slices.Contains([]string{Full, LoRA}, c.Method):
		return fmt.Errorf("method is %q, expected %s or %s", c.Method, Full, LoRA)
	}
	if _, _, err := heads.ClassWeights(c.ClassWeights, 1, 1); err != nil {
		return err
	}
	if err := heads.CheckThreshold(c.Threshold); err != nil {
		return err
	}
	_, err := c.head(1)
	return err
}

// head is the shape of the head on states of so many numbers.
func (c *Config) head(width int) (classifier.Config, error) {
	h := classifier.DefaultConfig(width)
	h.MaxTokens = 0 // there is no analysis
	var err error
	if h.Layers, err = heads.Widths(c.Hidden); err != nil {
		return h, err
	}
	h.Activation, h.LayerNorm, h.Dropout, h.Pooling = classifier.Activation(c.Activation), c.LayerNorm, c.HeadDropout, classifier.Pooling(c.Pooling)
	return h, h.Validate()
}

// adapter is the configuration that goes into the adapter's folder.
func (c *Config) adapter(base string) lora.Config {
	return lora.Config{
		BaseModel: base, TaskType: "FEATURE_EXTRACTION", R: c.Rank, Alpha: c.Alpha, Dropout: c.LoRADropout, RSLoRA: c.RSLoRA, DoRA: c.DoRA, Bias: "none",
		TargetModules: lora.Targets{Names: slices.Clone(c.Targets)},
	}
}
