package train

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/train/run"
)

// LoRAConfig are the settings of a LoRA run; train/run reads them from YAML and flags.
type LoRAConfig struct {
	Data []string `yaml:"data" default:"" resume:"free" doc:"files of conversations, as janus data export --format reasoning writes them; none: the rows of the data base"`
	Settings

	// Prompts is the text that the rows were asked with, by which a prompt that is too long is cut; nil is the default.
	Prompts *prompts.Set `yaml:"-"`
}

// Settings are those of all that trains an adapter.
type Settings struct {
	Model string `yaml:"model" default:"" resume:"free" doc:"base model: a Hugging Face folder, a .gguf file, or the name of a pulled model; none: $MODEL_PATH, else the small one that make fetches"`
	DType string `yaml:"dtype" default:"" doc:"of the base's weights: f32 or bf16; none: f32 on a CPU, bf16 on a GPU. The adapter is float32"`
	DB    string `yaml:"db" default:"" resume:"free" doc:"data base that rows come from where data names no files; none: $JANUS_DB, else data/janus.db"`

	MaxLen   int     `yaml:"max_length" default:"1024" doc:"longest prompt and answer together, in tokens; a longer prompt is cut as in a review, an answer never"`
	DevShare float64 `yaml:"dev_share" default:"0.1" doc:"share of the rows to validate on, where the rows have no split; 0 validates on none"`

	InitAdapter string `yaml:"init_adapter" default:"" resume:"free" doc:"adapter folder to go on from; its rank, alpha, modules and so on count then, not the settings below, but for lora_dropout"`

	Rank          int                `yaml:"lora_rank" default:"16" doc:"rank of A and B"`
	Alpha         float64            `yaml:"lora_alpha" default:"32" doc:"strength: B·A is multiplied by alpha/rank"`
	Dropout       float64            `yaml:"lora_dropout" default:"0.05" doc:"share of an adapter's inputs that is dropped in training"`
	Targets       []string           `yaml:"target_modules" default:"q_proj,v_proj" doc:"projections that are adapted, or all-linear"`
	TargetPattern string             `yaml:"target_pattern" default:"" doc:"regular expression for the whole name of a module, in place of target_modules"`
	Layers        []int              `yaml:"layers_to_transform" default:"" doc:"layers that are adapted; none: all"`
	RSLoRA        bool               `yaml:"use_rslora" default:"false" doc:"B·A is multiplied by alpha/√rank"`
	DoRA          bool               `yaml:"use_dora" default:"false" doc:"the length of each row is learned apart"`
	Bias          string             `yaml:"bias" default:"none" choices:"none,lora_only,all" doc:"biases that are trained"`
	RankPattern   map[string]int     `yaml:"rank_pattern" default:"" doc:"another rank by the end of a module's name; the longest that fits counts"`
	AlphaPattern  map[string]float64 `yaml:"alpha_pattern" default:"" doc:"another alpha by the end of a module's name; the longest that fits counts"`

	run.Updates

	Devices int    `yaml:"devices" default:"1" doc:"devices of the backend that divide each batch's rows among themselves"`
	Seed    uint64 `yaml:"seed" default:"1" doc:"of the adapter, the split, the order of rows and dropout"`

	run.Output
}

// Check refuses values that no run can have.
func (c *Settings) Check() error {
	return cmp.Or(
		run.AtLeast("max_length", c.MaxLen, 2), run.AtLeast("lora_rank", c.Rank, 1), run.AtLeast("devices", c.Devices, 1),
		run.Share("dev_share", c.DevShare), run.Share("lora_dropout", c.Dropout), c.Updates.Check(),
	)
}

// NewAdapter makes the adapter that a run starts from: a new one, which changes nothing yet, or that of init_adapter.
func (c *Settings) NewAdapter(m *model.Model) (*lora.Adapter, error) {
	if c.InitAdapter != "" {
		a, err := m.ReadAdapter(c.InitAdapter)
		if err != nil {
			return nil, fmt.Errorf("init_adapter: %w", err)
		}
		a.Config.Dropout = c.Dropout
		return a, nil
	}
	return lora.Init(adapterDir, c.adapter(m.Dir()), m.LoRABase(), c.Seed)
}

// adapter is the configuration that goes into the adapter's folder.
func (c *Settings) adapter(base string) lora.Config {
	config := lora.Config{
		BaseModel: base, TaskType: "CAUSAL_LM", R: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, RSLoRA: c.RSLoRA, DoRA: c.DoRA, Bias: c.Bias,
		LayersToAdapt: c.Layers, TargetModules: lora.Targets{Names: c.Targets, Pattern: c.TargetPattern},
		RankPattern: patterns(c.RankPattern), AlphaPattern: patterns(c.AlphaPattern),
	}
	if c.TargetPattern != "" {
		config.TargetModules.Names = nil
	}
	return config
}

// patterns puts the longest keys first, since the first that fits counts.
func patterns[T int | float64](of map[string]T) lora.Patterns {
	var list lora.Patterns
	for key, value := range of {
		list = append(list, lora.Pattern{Key: key, Value: float64(value)})
	}
	slices.SortFunc(list, func(a, b lora.Pattern) int {
		return cmp.Or(cmp.Compare(len(b.Key), len(a.Key)), cmp.Compare(a.Key, b.Key))
	})
	return list
}
