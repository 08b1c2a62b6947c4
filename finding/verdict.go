package finding

import (
	"encoding/json"
	"math"
)

// Label is Janus's answer about a finding.
type Label string

// The three answers. The zero Label means that the finding was not judged.
const (
	TruePositive  Label = "TP"        // real: keep it
	FalsePositive Label = "FP"        // false alarm: suppress it
	Uncertain     Label = "uncertain" // too close to call: a person should look
)

// Verdict is what Janus found out about one finding.
//
// In JSON every row has `id, verdict, p, reasoning, tokens, seconds`. A row that
// failed has `error` and null for `verdict` and `p`: the keys stay, so a reader
// with a fixed schema (a data frame, a table) takes both kinds.
type Verdict struct {
	ID        string  // the finding's
	Verdict   Label   // empty: not judged, or failed
	P         float64 // probability that the finding is real, 0 to 1; meaningless unless Verdict is set
	Reasoning string  // the model's analysis
	Tokens    int     // tokens of the analysis
	Seconds   float64 // wall time of the row's batch divided by its rows

	// Trajectory[t] is P after t tokens of analysis, t = 0 … Tokens. Left out of the
	// JSON where empty.
	Trajectory []float64
	// Pieces[t] is the text that token t added to the analysis, beside a trajectory; a character of several tokens comes
	// with its last one, the others' pieces are empty. Not part of the JSON, and not remembered.
	Pieces []string
	Heads  []HeadVerdict // each head's own answer, where there are several
	// Samples are the analyses that voted, where the finding was sampled more than once. Verdict is then the majority's, P
	// the mean, and Reasoning, Tokens and Trajectory are those of one analysis that came to the verdict.
	Samples []SampleVerdict
	Note    string // what the reader of the verdict should know: the input was cut, …
	Error   string // why the row failed; empty where it did not

	Model   string // name or folder of the base model
	Adapter string // name or folder of the adapter, where one was used
	Head    string // name or folder of the head, where one was used
	Prompt  string // version of the prompt's text, see package prompts
}

// HeadVerdict is one classifier head's probability, and its trajectory on request.
type HeadVerdict struct {
	Head       string    `json:"head"`
	P          float64   `json:"p"`
	Trajectory []float64 `json:"trajectory,omitempty"`
}

// SampleVerdict is one analysis of several.
type SampleVerdict struct {
	Verdict    Label     `json:"verdict"`
	P          float64   `json:"p"`
	Tokens     int       `json:"tokens"`
	Reasoning  string    `json:"reasoning"`
	Trajectory []float64 `json:"trajectory,omitempty"`
	Pieces     []string  `json:"-"` // as a Verdict's
}

// Judged says whether the row carries a verdict, rather than nothing or an error.
func (v *Verdict) Judged() bool { return v.Verdict != "" && v.Error == "" }

// Done says whether the row was worked on at all: it has a verdict or an error.
func (v *Verdict) Done() bool { return v.Verdict != "" || v.Error != "" }

// verdictJSON is the row's wire form: order of keys, and what may be null.
type verdictJSON struct {
	ID         string          `json:"id"`
	Verdict    *Label          `json:"verdict"`
	P          *float64        `json:"p"`
	Reasoning  string          `json:"reasoning"`
	Tokens     int             `json:"tokens"`
	Seconds    float64         `json:"seconds"`
	Trajectory []float64       `json:"trajectory,omitempty"`
	Heads      []HeadVerdict   `json:"heads,omitempty"`
	Samples    []SampleVerdict `json:"samples,omitempty"`
	Note       string          `json:"note,omitempty"`
	Error      string          `json:"error,omitempty"`
	Model      string          `json:"model,omitempty"`
	Adapter    string          `json:"adapter,omitempty"`
	Head       string          `json:"head,omitempty"`
	Prompt     string          `json:"prompt,omitempty"`
}

// MarshalJSON writes the row as the type's comment says.
func (v Verdict) MarshalJSON() ([]byte, error) {
	row := verdictJSON{
		ID: v.ID, Reasoning: v.Reasoning, Tokens: v.Tokens, Seconds: v.Seconds,
		Trajectory: v.Trajectory, Heads: v.Heads, Samples: v.Samples, Note: v.Note, Error: v.Error,
		Model: v.Model, Adapter: v.Adapter, Head: v.Head, Prompt: v.Prompt,
	}
	if v.Judged() {
		row.Verdict, row.P = &v.Verdict, finite(v.P)
	}
	return marshal(row)
}

// finite is null for what JSON has no number for.
func finite(p float64) *float64 {
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return nil
	}
	return &p
}

// UnmarshalJSON reads a row that MarshalJSON wrote.
func (v *Verdict) UnmarshalJSON(data []byte) error {
	var row verdictJSON
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	*v = Verdict{
		ID: row.ID, Reasoning: row.Reasoning, Tokens: row.Tokens, Seconds: row.Seconds,
		Trajectory: row.Trajectory, Heads: row.Heads, Samples: row.Samples, Note: row.Note, Error: row.Error,
		Model: row.Model, Adapter: row.Adapter, Head: row.Head, Prompt: row.Prompt,
	}
	if row.Verdict != nil {
		v.Verdict = *row.Verdict
	}
	if row.P != nil {
		v.P = *row.P
	}
	return nil
}
