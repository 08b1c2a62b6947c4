package produce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/internal/llm"
)

// Plan is what a user asks for.
type Plan struct {
	Category    string // one of dataset.Categories; empty with IaC and with Passive
	IaC         bool   // findings in infrastructure code, which are always made by rule
	Smell, Tool string // of IaC, as in generate.IaCOptions
	Passive     bool   // findings of passive checks of HTTP traffic, which are always made by rule
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
	Mode        string `json:"mode"` // "rules", "agents", "iac" or "passive"
	Category    string `json:"category,omitempty"`
	Smell       string `json:"smell,omitempty"`
	Tool        string `json:"tool,omitempty"`
	Templates   string `json:"templates,omitempty"` // SHA-256
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
	job := &Job{Store: store, Num: p.Num, Workers: p.Workers, Chunk: ruleChunk, Ordered: true}
	switch {
	case p.IaC:
		job.Make = IaCByRule(generate.IaCOptions{Seed: p.Seed, Smell: p.Smell, Tool: p.Tool}, p.NoFP)
		return job, p.start(ctx, job, settings{Mode: "iac", Smell: p.Smell, Tool: p.Tool})
	case p.Passive:
		job.Make = PassiveByRule(generate.PassiveOptions{Seed: p.Seed}, p.NoFP)
		return job, p.start(ctx, job, settings{Mode: "passive"})
	case p.LLM == nil:
		job.Make = ByRule(generate.Options{Category: p.Category, Seed: p.Seed, Templates: p.Templates, NoFP: p.NoFP})
		return job, p.start(ctx, job, settings{Mode: "rules"})
	}
	job.Chunk, job.Ordered = 1, false
	err := p.start(ctx, job, settings{Mode: "agents", Instruction: p.Instruction, Model: p.LLM.Model, Prompts: p.Prompts.Version})
	if err == nil {
		err = p.agents(ctx, job)
	}
	return job, err
}

// start enters the job's run; what its settings have in common with others is filled in.
func (p *Plan) start(ctx context.Context, job *Job, s settings) (err error) {
	s.Seed, s.NoFP = p.Seed, p.NoFP
	if p.Category != "" {
		s.Category = p.Category
		if s.Templates, err = hashTemplates(p.templates()); err != nil {
			return err
		}
	}
	job.Run, err = job.Store.StartRun(ctx, s)
	return err
}

func (p *Plan) templates() []generate.Template {
	if p.Templates != nil {
		return p.Templates
	}
	return generate.Templates(p.Category)
}

// agents makes the job one of agents.
func (p *Plan) agents(ctx context.Context, job *Job) error {
	costs, err := job.Store.Costs(ctx, job.Run)
	if err != nil {
		return err
	}
	o := *p.LLM
	o.Ledger, o.Spent, o.Seed = job.Store.Ledger(), costs.USD+costs.LostUSD, p.Seed
	client, err := llm.New(o)
	if err != nil {
		return err
	}
	g, err := agents.New(agents.Options{
		Client: client, Prompts: p.Prompts, Category: p.Category, Templates: p.templates(), Instruction: p.Instruction,
		NoFP: p.NoFP, Seed: p.Seed, Run: job.Run,
	})
	if err != nil {
		return err
	}
	there, err := job.Store.Pairs(ctx, job.Run, p.Num)
	if err != nil {
		return err
	}
	job.Make = ByAgents(g, there)
	return nil
}

func hashTemplates(templates []generate.Template) (string, error) {
	text, err := json.Marshal(templates)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Lengths counts the tokens of each of the job's rows that are in the store: of the request, the response and the analysis, or of
// the title, the message, and the code or the exchange.
func (j *Job) Lengths(ctx context.Context, count func(string) (int, error)) (lengths []int, err error) {
	add := func(texts ...string) error {
		n, err := count(strings.Join(texts, "\n"))
		lengths = append(lengths, n)
		return err
	}
	for e, err := range j.Store.RunExamples(ctx, j.Run, j.Num) {
		if err == nil {
			err = add(e.Request, e.Response, e.Analysis)
		}
		if err != nil {
			return nil, err
		}
	}
	for f, err := range j.Store.RunFindings(ctx, j.Run, j.Num) {
		if err == nil {
			err = add(f.Title, f.Message, f.Snippet, f.Request, f.Response)
		}
		if err != nil {
			return nil, err
		}
	}
	return lengths, nil
}
