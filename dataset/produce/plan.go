package produce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/internal/llm"
)

// Plan is what a user asks for.
type Plan struct {
	Category    string // one of dataset.Categories
	Num         int    // pairs
	Seed        uint64
	Templates   []generate.Template // nil: the embedded ones
	Instruction string              // for the agents
	NoFP        bool                // only the exchanges with a flaw
	Workers     int

	LLM     *llm.Options    // whom the agents ask; nil makes pairs by rule. Its Ledger and Spent are the store's.
	Prompts *agents.Prompts // of the agents
}

// settings are what a run is known by: all that decides what its pairs are, and nothing else. So Num may grow, and the server's
// address, the key, the prices and the budget may change while a run goes on.
type settings struct {
	Mode        string `json:"mode"` // "rules" or "agents"
	Category    string `json:"category"`
	Templates   string `json:"templates"` // SHA-256
	Instruction string `json:"instruction,omitempty"`
	Seed        uint64 `json:"seed"`
	NoFP        bool   `json:"nofp,omitempty"`
	Model       string `json:"model,omitempty"`
	Prompts     string `json:"prompts,omitempty"` // their version
}

// ruleChunk is how many pairs a worker makes by rule at once.
const ruleChunk = 32

// Job enters the plan's run in the store, or finds it there, and makes it ready to go on.
func (p *Plan) Job(ctx context.Context, store *dataset.Store) (*Job, error) {
	templates := p.Templates
	if templates == nil {
		templates = generate.Templates(p.Category)
	}
	digest, err := hashTemplates(templates)
	if err != nil {
		return nil, err
	}
	s := settings{Mode: "rules", Category: p.Category, Templates: digest, Seed: p.Seed, NoFP: p.NoFP}
	if p.LLM != nil {
		s.Mode, s.Instruction, s.Model, s.Prompts = "agents", p.Instruction, p.LLM.Model, p.Prompts.Version
	}
	job := &Job{Store: store, Num: p.Num, Workers: p.Workers}
	if job.Run, err = store.StartRun(ctx, s); err != nil {
		return nil, err
	}
	if p.LLM == nil {
		job.Make = ByRule(generate.Options{Category: p.Category, Seed: p.Seed, Templates: p.Templates, NoFP: p.NoFP})
		job.Chunk, job.Ordered = ruleChunk, true
		return job, nil
	}
	costs, err := store.Costs(ctx, job.Run)
	if err != nil {
		return nil, err
	}
	o := *p.LLM
	o.Ledger, o.Spent, o.Seed = store.Ledger(), costs.USD+costs.LostUSD, p.Seed
	client, err := llm.New(o)
	if err != nil {
		return nil, err
	}
	g, err := agents.New(agents.Options{
		Client: client, Prompts: p.Prompts, Category: p.Category, Templates: templates, Instruction: p.Instruction,
		NoFP: p.NoFP, Seed: p.Seed, Run: job.Run,
	})
	if err != nil {
		return nil, err
	}
	there, err := store.Pairs(ctx, job.Run, p.Num)
	if err != nil {
		return nil, err
	}
	job.Make = ByAgents(g, there)
	return job, nil
}

func hashTemplates(templates []generate.Template) (string, error) {
	text, err := json.Marshal(templates)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Lengths counts the tokens of each row: of the request, the response and the analysis together.
func Lengths(rows iter.Seq2[dataset.Example, error], count func(string) (int, error)) ([]int, error) {
	var lengths []int
	for e, err := range rows {
		if err != nil {
			return nil, err
		}
		total := 0
		for _, text := range []string{e.Request, e.Response, e.Analysis} {
			n, err := count(text)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", e.ID, err)
			}
			total += n
		}
		lengths = append(lengths, total)
	}
	return lengths, nil
}
