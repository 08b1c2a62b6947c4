package ablate

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// tuned is a base model, bare, with an adapter, or with other weights.
type tuned struct {
	dir     string // the base's, or that of the model that it became
	weights string // SHA-256
	adapter string // a PEFT folder, or empty
}

// tune trains a base model where that was not done before. A training that was stopped goes on.
func (r *runner) tune(ctx context.Context, at setting) (*tuned, error) {
	b := r.bases[at.Model]
	t := &tuned{dir: b.dir, weights: b.weights}
	if at.Approach == approachNone {
		return t, nil
	}
	dir, err := r.tuningDir(at)
	if err != nil {
		return nil, err
	}
	if !run.Finished(dir) {
		start := time.Now()
		err := r.teach(ctx, at, dir)
		r.timed(countTrain, start)
		if err != nil {
			return nil, err
		}
	}
	if at.Approach == approachFull {
		t.dir = filepath.Join(dir, full.ModelDir)
		t.weights, err = heads.BaseSHA256(t.dir)
		return t, err
	}
	t.adapter = filepath.Join(dir, "adapter")
	return t, nil
}

// teach trains a point's adapter or model in a run folder.
func (r *runner) teach(ctx context.Context, at setting, dir string) (err error) {
	o := model.Options{Backend: r.Backend, Lazy: at.Approach == approachFull} // of which the tokenizer alone is needed
	if err := o.SetDType(r.Grid.DType); err != nil {
		return err
	}
	m, err := model.Open(ctx, r.bases[at.Model].dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	r.note("training, %s: %s", r.describe(at), dir)
	switch at.Approach {
	case approachJoint:
		return r.trainJoint(ctx, m, at, dir)
	case approachFull:
		return r.trainFull(ctx, m, at, dir)
	}
	return r.trainLoRA(ctx, m, at, dir)
}

// tuningDir is the run folder of a training, by all that it follows from.
func (r *runner) tuningDir(at setting) (string, error) {
	b := r.bases[at.Model]
	at.Model = ""
	data, err := json.Marshal(struct {
		Base, Rows string
		Setting    setting
		Prompt     any
		Recipe     any
	}{b.identity, r.Rows.sha256, at, promptParts(r.prompts[at.Prompt]), r.recipe(at)})
	if err != nil {
		return "", err
	}
	return filepath.Join(r.Dir, adaptersDir, at.Approach+"-"+hashOf(string(data))[:24]), nil
}

func (r *runner) trainLoRA(ctx context.Context, m *model.Model, at setting, dir string) error {
	config := r.recipe(at).(*train.LoRAConfig)
	rows, err := r.lessons(at)
	if err != nil {
		return err
	}
	config.Prompts = r.prompts[at.Prompt]
	data, err := train.Prepare(m, rows.Conversations, config)
	if err != nil {
		return err
	}
	adapter, err := config.NewAdapter(m)
	if err != nil {
		return err
	}
	return r.training(dir, m, config, data.SHA256, func(o *run.Run) (int, error) {
		task := train.LoRARun{Model: m, Adapter: adapter, Data: data, Config: config, Run: o, Log: r.Log}
		result, err := task.Train(ctx)
		if err != nil {
			return 0, err
		}
		return result.Steps, nil
	})
}

func (r *runner) trainJoint(ctx context.Context, m *model.Model, at setting, dir string) error {
	config := r.recipe(at).(*train.JointConfig)
	rows, err := r.lessons(at)
	if err != nil {
		return err
	}
	data, err := train.PrepareJoint(m, rows, r.prompts[at.Prompt], config)
	if err != nil {
		return err
	}
	var adapter *lora.Adapter
	if adapter, err = config.NewAdapter(m); err != nil {
		return err
	}
	return r.training(dir, m, config, data.SHA256, func(o *run.Run) (int, error) {
		task := train.JointRun{Model: m, Base: r.bases[at.Model].weights, Adapter: adapter, Data: data, Config: config, Run: o, Log: r.Log}
		result, err := task.Train(ctx)
		if err != nil {
			return 0, err
		}
		return result.Steps, nil
	})
}

func (r *runner) trainFull(ctx context.Context, m *model.Model, at setting, dir string) error {
	config := r.recipe(at).(*full.Config)
	rows, err := r.lessons(at)
	if err != nil {
		return err
	}
	learned := config.Rows()
	learned.Prompts = r.prompts[at.Prompt]
	data, err := train.Prepare(m, rows.Conversations, learned)
	if err != nil {
		return err
	}
	network, err := full.Read(m.Dir())
	if err != nil {
		return err
	}
	products := dtypes.Float32
	if config.DType == "bf16" || config.DType == "" && !r.Backend.IsCPU() {
		products = dtypes.BFloat16
	}
	err = r.training(dir, m, config, data.SHA256, func(o *run.Run) (int, error) {
		task := full.Run{
			Backend: r.Backend.Backend, Network: network, Rows: data.Train, Dev: data.Dev, Plan: config.Plan(products), Run: o, Log: r.Log,
			Save: func(ctx context.Context, to string, values map[string][]float32) error {
				return network.SaveAs(ctx, m.Dir(), to, values)
			},
		}
		result, err := task.Train(ctx)
		if err != nil {
			return 0, err
		}
		return result.Steps, nil
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, "checkpoints")) // each is three times the model, and a grid may have many
}

// training runs a training in its folder, from where it was stopped, and counts its updates.
func (r *runner) training(dir string, m *model.Model, config any, data string, do func(o *run.Run) (steps int, err error)) (err error) {
	o, err := run.Start(dir, run.Spec{
		Command: "ablate", Config: config, Data: []run.File{{Path: "tokens of the examples", SHA256: data}},
		Weights: []run.File{{Path: m.Dir(), Bytes: m.WeightBytes()}},
	}, true)
	if err != nil {
		return err
	}
	_, first, _ := o.Latest()
	defer func() { err = errors.Join(err, o.Close()) }()
	steps, err := do(o)
	if err != nil { // what the last checkpoint has will not be done again
		_, steps, _ = o.Latest()
	}
	r.work.Passes[countTrain] += max(steps-first, 0)
	return err
}

// lessons are what a point's training learns from: its sample of the training rows, and the dev rows.
func (r *runner) lessons(at setting) (*train.JointRows, error) {
	rows := &train.JointRows{}
	var reasoning []dataset.ReasoningRow
	add := func(list []int, side string) error {
		for _, i := range list {
			if !r.Rows.explained(i) {
				f := r.Rows.Findings[i]
				f.Split = side
				rows.Findings, rows.Items = append(rows.Findings, f), append(rows.Items, r.Rows.items[i])
				continue
			}
			row, err := dataset.ReasoningWith(r.Rows.examples[i], r.prompts[at.Prompt])
			if err != nil {
				return err
			}
			row.Split = side
			reasoning = append(reasoning, row)
		}
		return nil
	}
	if err := errors.Join(add(r.Rows.sample(at.Samples, at.Seed), dataset.Train), add(r.Rows.on(devSide), dataset.Dev)); err != nil {
		return nil, err
	}
	rows.Conversations = train.Labelled(reasoning)
	return rows, nil
}
