package models

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/prompts"
)

// The prompts show a part of a long exchange. The two exchanges of a pair differ in what decides alone, so where the prompts of both
// are the same, it has been left out.
func TestPromptsShowWhatDecides(t *testing.T) {
	set, err := prompts.Open(prompts.VariantPlain, filepath.Join("smollm2-135m", "prompts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, category := range dataset.Categories() {
		pairs, lost, shown, whole := 0, 0, 0, 0
		err := generate.Offline(context.Background(), generate.Options{Category: category, Num: 150, Seed: 11}, 0, func(pair []dataset.Example) error {
			var texts [2]string
			for i := range pair {
				f := pair[i].Finding()
				text, _, err := set.Prompt(&f, 0)
				if err != nil {
					return err
				}
				texts[i] = text
				shown, whole = shown+len(text), whole+len(f.Request)+len(f.Response)
			}
			pairs++
			if texts[0] == texts[1] {
				lost++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if lost > pairs/50 {
			t.Errorf("%s: of %d pairs, the prompts of %d do not show what decides", category, pairs, lost)
		}
		if shown*10 > whole*9 {
			t.Errorf("%s: prompts have %d bytes of %d: long exchanges are not shortened", category, shown, whole)
		}
		t.Logf("%s: %d of %d pairs lost, %d of %d bytes shown", category, lost, pairs, shown, whole)
	}
}
