package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/internal/testmodel"
)

// An encoder is trained anew for each fold, on other rows than it judges, and twice to the same verdicts; a run that is continued trains
// none again.
func TestEncoderOfEachFold(t *testing.T) {
	s := store(t, 6, 0)
	model := filepath.Join(t.TempDir(), "bert")
	if err := testmodel.WriteEncoder(model, 512, 1); err != nil {
		t.Fatal(err)
	}
	recipe := filepath.Join(t.TempDir(), "encoder.yaml")
	if err := os.WriteFile(recipe, []byte("max_length: 400\nepochs: 2\nbatch_size: 2\nlearning_rate: 1e-3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := settings(t, func(c *Config) { c.Variants, c.Encoder = []string{"encoder:" + model}, recipe })
	var outcomes []*Outcome
	var last *Job
	for range 2 {
		last = job(t, c, s, t.TempDir())
		o, err := last.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, o)
	}
	if diff := gocmp.Diff(outcomes[0].Cases, outcomes[1].Cases, times); diff != "" {
		t.Errorf("the second run differs:\n%s", diff)
	}
	folds := map[int32]int{}
	for _, x := range outcomes[0].Cases {
		if x.Failed() || x.P <= 0 || x.P >= 1 {
			t.Errorf("%+v", x)
		}
		folds[x.Fold]++
	}
	if len(folds) != 2 || folds[0]+folds[1] != 12 {
		t.Errorf("cases of folds %v, expected 12 in two", folds)
	}
	var weights [2][]byte
	for i, fold := range []string{"fold-0", "fold-1"} {
		found, err := filepath.Glob(filepath.Join(last.Dir, "encoders", "*", fold, "model", "model.safetensors"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%v: %d encoders of %s", err, len(found), fold)
		}
		if weights[i], err = os.ReadFile(found[0]); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(weights[0], weights[1]) {
		t.Error("both folds have the same encoder: one has learned from the rows that it judges")
	}
	again := *last
	o, err := again.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(outcomes[1].Cases, o.Cases); diff != "" { // times too: nothing is judged again
		t.Errorf("the continued run differs:\n%s", diff)
	}
}
