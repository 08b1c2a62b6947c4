package dataset

import (
	"strings"
	"sync"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
)

// VerdictRow is a row of the format tpfp: a conversation whose answer is the verdict alone, TP or FP, as the generative baseline
// of the encoder study has it, and the finding that it is about.
type VerdictRow struct {
	Messages []Message       `json:"messages"`
	Prompt   string          `json:"prompt"` // variant of the prompts: `janus review --prompt` asks the same
	Finding  finding.Finding `json:"finding"`
}

// baseline is the text of the format tpfp.
var baseline = sync.OnceValue(func() *prompts.Set {
	s, err := prompts.Open(prompts.VariantTPFP, "")
	if err != nil {
		panic(err) // the files are part of the program, and a test opens them
	}
	return s
})

// Verdict makes a row of a labelled finding. Its error is the label's.
func Verdict(f *finding.Finding) (VerdictRow, error) {
	real, err := ParseLabel(f.Label)
	if err != nil {
		return VerdictRow{}, err
	}
	set := baseline()
	text, _, err := set.Prompt(f, 0) // whole, since who trains cuts it
	if err != nil {
		return VerdictRow{}, err
	}
	yes, no := set.Answers()
	if !real {
		yes = no
	}
	row := VerdictRow{
		Messages: []Message{{"system", set.Instructions()}, {"user", text}, {"assistant", strings.TrimSpace(set.Closing()) + yes}},
		Prompt:   prompts.VariantTPFP, Finding: *f,
	}
	row.Finding.Label = string(finding.FalsePositive)
	if real {
		row.Finding.Label = string(finding.TruePositive)
	}
	return row, nil
}
