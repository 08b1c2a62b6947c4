package encoder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/run"
)

// examples are of random tokens; the real ones have token 5 somewhere.
func examples(n int, seed uint64) (list []Example) {
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		e := Example{Real: i%2 == 0}
		for range 3 + random.IntN(6) {
			e.IDs = append(e.IDs, int32(6+random.IntN(30)))
		}
		if e.Real {
			e.IDs[random.IntN(len(e.IDs))] = 5
		}
		list = append(list, e)
	}
	return list
}

// stopping cancels the training after so many updates.
type stopping struct {
	*task
	after  int
	cancel func()
}

func (s *stopping) Step(ctx context.Context) (run.Step, error) {
	did, err := s.task.Step(ctx)
	if s.after--; s.after == 0 {
		s.cancel()
	}
	return did, err
}

// trainTo runs a job in a folder; stop, where it is above 0, interrupts it after so many updates.
func trainTo(t *testing.T, m *model.Model, data *Data, c *Config, dir string, stop int) (*Job, *Result, error) {
	t.Helper()
	job, err := New(m, data, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(job.Close)
	r, err := run.Start(dir, run.Spec{Command: "train encoder", Config: c}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // the test reads the folder
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result, err := job.train(ctx, &stopping{job.task, stop, cancel}, r, io.Discard)
	return job, result, err
}

// What a run writes judges as the run's own graph does, in every family and in both ways; and it has learned.
func TestTrain(t *testing.T) {
	for name, pooling := range families {
		for _, method := range []string{Full, LoRA} {
			t.Run(name+"/"+method, func(t *testing.T) {
				c := settings(t, pooling)
				c.Method, c.Epochs, c.LearningRate, c.HeadRate, c.Best, c.WeightDecay = method, 12, 1e-2, 1e-2, ByAUC, 0.01
				if method == LoRA {
					c.Rank = 4
				}
				data := &Data{Train: examples(48, 1), Dev: examples(16, 2)}
				dir := t.TempDir()
				job, result, err := trainTo(t, open(t, base(name), model.Options{}), data, c, dir, 0)
				if err != nil {
					t.Fatal(err)
				}
				auc := float64(result.Figures.Heads[0].Dev.ROCAUC)
				t.Logf("the best ROC AUC on the dev rows is %.2f, after update %d of %d", auc, result.BestStep, result.Steps)
				if auc < 0.8 {
					t.Error("it has not learned")
				}
				folder, o := filepath.Join(dir, ModelDir), model.Options{Heads: []string{filepath.Join(dir, HeadDir)}}
				if method == LoRA {
					folder, o.Adapters = base(name), []string{filepath.Join(dir, AdapterDir)}
				}
				judge := open(t, folder, o)
				var rows [][]int32
				adapters := make([]int, len(data.Dev)) // the first one's
				for _, e := range data.Dev {
					rows = append(rows, e.IDs)
				}
				got, err := judge.Classify(context.Background(), rows, adapters)
				if err != nil {
					t.Fatal(err)
				}
				logits, err := job.task.logits(context.Background(), data.Dev)
				if err != nil {
					t.Fatal(err)
				}
				for i, z := range logits {
					want := 1 / (1 + math.Exp(-z/judge.Heads()[0].Config.Temperature))
					if math.Abs(got[i][0]-want) > 1e-4 {
						t.Errorf("row %d: the folders give %v, the training's graph %v", i, got[i][0], want)
					}
				}
				if method == Full {
					sameNames(t, base(name), folder)
				}
			})
		}
	}
}

// sameNames holds a tuned checkpoint to its base's names and shapes; what the last states do not depend on stays as it was.
func sameNames(t *testing.T, base, tuned string) {
	t.Helper()
	was, is := openGolden(t, base), openGolden(t, tuned)
	if !slices.Equal(was.Names(), is.Names()) {
		t.Fatalf("the tuned model has tensors %v, its base %v", is.Names(), was.Names())
	}
	changed := 0
	for _, name := range was.Names() {
		a, _ := was.Tensor(name)
		b, _ := is.Tensor(name)
		switch {
		case !slices.Equal(a.Shape, b.Shape):
			t.Errorf("%s has shape %v, in the base %v", name, b.Shape, a.Shape)
		case !bytes.Equal(a.Data, b.Data):
			changed++
			if strings.HasPrefix(name, "classifier.") || strings.HasPrefix(name, "decoder.") {
				t.Errorf("%s is none of the encoder's weights, and has changed", name)
			}
		}
	}
	if changed == 0 {
		t.Error("nothing has changed")
	}
}

// A run that is interrupted, and goes on, ends with the bytes of one that was not: with dropout, accumulated gradients and
// checkpoints between validations.
func TestResume(t *testing.T) {
	for _, method := range []string{Full, LoRA} {
		t.Run(method, func(t *testing.T) {
			m := open(t, base("roberta_classifier"), model.Options{})
			data := &Data{Train: examples(30, 1), Dev: examples(10, 2)}
			c := settings(t, "cls")
			c.Method, c.Epochs, c.BatchSize, c.Accumulate, c.EvalEvery, c.SaveEvery, c.Patience = method, 3, 4, 2, 3, 2, 0
			c.HiddenDropout, c.HeadDropout, c.LoRADropout, c.Schedule, c.Warmup = 0.2, 0.2, 0.2, "cosine", 0.2
			whole, parts := t.TempDir(), t.TempDir()
			if _, _, err := trainTo(t, m, data, c, whole, 0); err != nil {
				t.Fatal(err)
			}
			for _, stop := range []int{1, 4} {
				if _, _, err := trainTo(t, m, data, c, parts, stop); !errors.Is(err, context.Canceled) {
					t.Fatalf("stopped after %d updates: %v", stop, err)
				}
			}
			if _, _, err := trainTo(t, m, data, c, parts, 0); err != nil {
				t.Fatal(err)
			}
			files := []string{"metrics.jsonl", "figures.json", HeadDir + "/head.safetensors", HeadDir + "/head.json", ModelDir + "/model.safetensors"}
			if method == LoRA {
				files[4] = AdapterDir + "/adapter_model.safetensors"
			}
			for _, name := range files {
				a, errA := os.ReadFile(filepath.Join(whole, name))
				b, errB := os.ReadFile(filepath.Join(parts, name))
				if errA != nil || errB != nil || !bytes.Equal(a, b) {
					t.Errorf("%s of the interrupted run has other bytes (%v, %v)", name, errA, errB)
				}
			}
		})
	}
}

// Gradients that are added up over batches are those of one batch; padding of rows and columns changes nothing.
func TestAccumulation(t *testing.T) {
	m := open(t, base("bert_tensorflow_names"), model.Options{})
	list := examples(8, 3)
	values := func(size, accumulate int) [][]float32 {
		t.Helper()
		c := settings(t, "mean")
		c.BatchSize, c.Accumulate, c.ClassWeights, c.Smoothing = size, accumulate, "3", 0.1
		job, err := New(m, &Data{Train: list, Dev: list}, c)
		if err != nil {
			t.Fatal(err)
		}
		defer job.Close()
		if _, err := job.task.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
		after, err := job.task.optimizer.Values()
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	want := values(8, 1)
	for _, split := range [][2]int{{3, 3}, {16, 1}} {
		got := values(split[0], split[1])
		far := 0
		for i := range want {
			for k := range want[i] {
				if math.Abs(float64(got[i][k]-want[i][k])) > 1e-5 {
					far++
				}
			}
		}
		if far > 20 { // where a gradient is rounding, so is the direction of the first step
			t.Errorf("batches of %d, %d an update: %d values differ from those of one batch of 8", split[0], split[1], far)
		}
	}
}

// Checkpoints in the backward pass save memory and change nothing but rounding.
func TestGradientCheckpoints(t *testing.T) {
	m := open(t, base("t5_few_buckets"), model.Options{})
	losses := func(checkpoints bool) (list []float64) {
		t.Helper()
		c := settings(t, "mean")
		c.Checkpoints, c.HiddenDropout = checkpoints, 0.1
		data := &Data{Train: examples(8, 3)}
		job, err := New(m, data, c)
		if err != nil {
			t.Fatal(err)
		}
		defer job.Close()
		for range 3 {
			did, err := job.task.Step(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, did.Values[run.TrainLoss], did.Values[run.GradNorm])
		}
		return list
	}
	want, got := losses(false), losses(true)
	for i := range want {
		if math.Abs(want[i]-got[i]) > 1e-5*math.Max(1, want[i]) {
			t.Errorf("losses and norms are %v with checkpoints, %v without", got, want)
			break
		}
	}
}

// A pretrained pooler, and the head of the encoder's own training, are not trained.
func TestParams(t *testing.T) {
	m := open(t, base("roberta_mlm"), model.Options{})
	c := settings(t, "cls")
	job, err := New(m, &Data{Train: examples(4, 1)}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	full, err := job.task.tuned.params()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range full {
		if strings.HasPrefix(p.Name, "lm_head.") || strings.HasPrefix(p.Name, "pooler.") {
			t.Errorf("%s is trained", p.Name)
		}
		if vector := len(p.Shape) == 1; vector != p.NoDecay {
			t.Errorf("%s of shape %v: without weight decay is %v", p.Name, p.Shape, p.NoDecay)
		}
	}
	c.Method = LoRA
	adapted, err := New(m, &Data{Train: examples(4, 1)}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer adapted.Close()
	beside, err := adapted.task.tuned.params()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range beside {
		if strings.Contains(p.Name, "lm_head") || strings.Contains(p.Name, "pooler") {
			t.Errorf("%s is trained", p.Name)
		}
	}
}
