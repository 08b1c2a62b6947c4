package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/tokenizer"
)

// modelFlags are the flags of commands that run a model.
type modelFlags struct {
	model, backend string
	adapters       []string
	heads          []string
	merge          bool
	context        int
	dtype          string

	features []classifier.Feature // pooled states besides those that heads read
	lazy     bool                 // weights are loaded when they are needed

	cpu bool // set by open: the backend computes on the CPU
}

func (f *modelFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "base model: a Hugging Face folder, a .gguf file, or the name of a pulled model, org/name[@revision] (default $MODEL_PATH, else "+basemodel.DefaultName+")")
	flags.StringVar(&f.backend, "backend", "", "what computes: go, xla:cuda, xla:/path/plugin.so (default $GOMLX_BACKEND, else the best that is there)")
	flags.StringArrayVar(&f.adapters, "adapter", nil, "LoRA adapter, a PEFT folder; may be repeated")
	flags.IntVar(&f.context, "context-length", 0, "longest prompt and text together, in tokens; 0 is what the model was made for (longrope models, such as Phi-3 128k, rotate by it)")
	flags.StringVar(&f.dtype, "dtype", "", "of the weights: f32, bf16, or int8 for the layers' matrices (default: f32 on a CPU, bf16 on a GPU; docs/models.md)")
	flags.BoolVar(&f.merge, "merge", false, "add the adapters into the weights instead of keeping them beside")
}

func (f *modelFlags) addHeads(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.heads, "head", nil, "classifier head's folder; may be repeated, the first one decides")
}

// open finds and loads the model, and says in one line what is slower than it could be.
func (f *modelFlags) open(ctx context.Context) (*model.Model, error) {
	dir, err := findModel(ctx, f.model)
	if err != nil {
		return nil, err
	}
	o := model.Options{Adapters: f.adapters, Heads: f.heads, Merge: f.merge, ContextLength: f.context, Features: f.features, Lazy: f.lazy}
	if err := o.SetDType(f.dtype); err != nil {
		return nil, err
	}
	choice, err := backend.New(f.backend)
	if err != nil {
		return nil, err
	}
	f.cpu = choice.IsCPU()
	o.Backend = choice
	m, err := model.Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	var notes []string
	if choice.Note != "" {
		notes = append(notes, choice.Note)
	}
	if t := m.Tokenizer(); t != nil && t.Name() == tokenizer.NameGo {
		notes = append(notes, "tokenizing in pure Go: this program was built without the native tokenizer")
	}
	if len(notes) > 0 {
		fmt.Fprintln(os.Stderr, "janus: "+strings.Join(notes, "; "))
	}
	return m, nil
}

// findModel finds the base model's folder and shows a conversion's progress.
func findModel(ctx context.Context, asked string) (string, error) {
	var bar *progress.Bar
	defer func() { bar.Finish() }()
	return basemodel.Find(ctx, asked, func(done, total int64) {
		if bar == nil {
			bar = progress.Start(os.Stderr, progress.Options{Title: "converting the model (once)", Total: total, Bytes: true})
		}
		bar.Set(done)
	})
}
