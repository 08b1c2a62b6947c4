package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// Options say how a model is opened.
type Options struct {
	Backend     backend.Choice // required: see internal/backend
	Adapters    []string       // PEFT folders; rows choose among them by index
	AdapterRoom AdapterRoom    // for adapters that come later
	Heads       []string       // head folders; each gives a probability
	// Merge adds the adapters into the weights instead of keeping them beside, in the order given. Rows then cannot
	// choose, and decoding saves two small products a projection.
	Merge bool
	// DType is the dtype of weights and states: dtypes.Float32 or BFloat16. Unset: float32 on a CPU (where bfloat16 is
	// slower), bfloat16 on an accelerator.
	DType dtypes.DType
	// Int8 stores the layers' matrices as int8 with a scale a row; DType is then that of everything else. It takes a
	// quarter of float32's memory, or half of bfloat16's; docs/models.md has what it costs.
	Int8 bool
	// ContextLength is the longest sequence that rows may make, generated tokens included; 0 means what the model was made
	// for. It matters to rotary embeddings that depend on it: see transformer's Config.SetContextLength.
	ContextLength int
	// Features are pooled states to compute besides those that the heads read: see Review's KeepPooled.
	Features []classifier.Feature
	// Lazy leaves the base's weights on the disk until the first program runs: for work that may find all its results there.
	Lazy bool
}

// Model is a base model with its tokenizer, adapters and heads, and the programs compiled so far. It runs one call at a
// time; calls from several goroutines wait for one another.
type Model struct {
	mu      sync.Mutex
	dir     string
	config  *transformer.Config
	layers  transformer.Layers
	decoder transformer.Decoder // nil where the model is an encoder
	backend backend.Choice
	dtype   dtypes.DType
	int8    bool
	store   *store
	load    func(ctx context.Context) error // what Options.Lazy has put off; nil where the weights are there

	tensors       map[string][]int // the family's tensors: shapes by key
	linearModules []string         // the projections of the layers

	adapters   []*lora.Adapter
	merged     bool // the adapters are part of the weights
	room       AdapterRoom
	bank       *lora.Bank // nil without live adapters
	bankValues []value    // the bank's tensors

	baseSHA256 string // computed where a head asks for it
	heads      classifier.Heads
	headValues []value              // the heads' tensors
	features   []classifier.Feature // pooled states: the heads' first, then those asked for
	pools      []layerPool          // the features by layer

	tokenizer tokenizer.Tokenizer     // nil where the folder has none
	chat      *tokenizer.ChatTemplate // nil where the folder has none
	stop      []int32                 // tokens that end a text

	programs map[string]*program
	counts   Counts

	prefixTokens []int32           // the shared prefix that prefixes hold
	prefixes     map[int32]*cached // by adapter slot
}

// errClosed is for calls after Close.
var errClosed = errors.New("the model is closed")

// Counts tell what a model has done since it was opened.
type Counts struct {
	Compiled int // programs compiled
	Decodes  int // executions of a decode program: one a batch
	Prefills int // executions of a prefill program
}

// Open loads a model from a Hugging Face folder (config.json, *.safetensors and, for text, tokenizer.json), its adapters
// and its heads, and checks that they fit one another. Nothing is compiled yet.
func Open(ctx context.Context, dir string, o Options) (m *Model, err error) {
	defer recoverTo(&err, "opening model "+dir)
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return nil, err
	}
	if o.ContextLength != 0 {
		if err := config.SetContextLength(o.ContextLength); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	checkpoint, list, err := OpenCheckpoint(dir, config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, checkpoint.Close()) }()
	want := wanted(list)
	if err := weights.CheckShapes(checkpoint, want); err != nil {
		return nil, err
	}
	if o.DType == dtypes.InvalidDType {
		o.DType = dtypes.BFloat16
		if o.Backend.IsCPU() {
			o.DType = dtypes.Float32
		}
	}
	m = &Model{
		dir: dir, config: config, layers: family.Layers(config), backend: o.Backend, dtype: o.DType, int8: o.Int8,
		tensors: want, linearModules: linearModules(list, config),
		programs: map[string]*program{}, prefixes: map[int32]*cached{},
	}
	m.decoder, _ = m.layers.(transformer.Decoder)
	if err := m.openAdapters(o); err != nil {
		return nil, err
	}
	if err := m.openHeads(checkpoint, o); err != nil {
		return nil, err
	}
	if err := m.openText(); err != nil {
		return nil, err
	}
	so := storeOptions{backend: o.Backend.Backend, dtype: o.DType, int8: o.Int8, inFirst: o.Backend.IsXLA() && o.Backend.IsCPU()}
	if o.Merge {
		so.merge = m.adapters
	}
	if o.Lazy {
		m.store = newStore(list, so)
		m.load = func(ctx context.Context) error { return m.loadLater(ctx, so) }
		return m, nil
	}
	m.store, err = loadStore(ctx, checkpoint, list, so)
	return m, err
}

// loadLater loads the weights that Open has left.
func (m *Model) loadLater(ctx context.Context, o storeOptions) (err error) {
	defer recoverTo(&err, "loading model "+m.dir)
	c, list, err := OpenCheckpoint(m.dir, m.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s, err := loadStore(ctx, c, list, o)
	if err != nil {
		return err
	}
	m.store.values, m.load = s.values, nil
	return nil
}

// ready says why no program can run, or sees to it that one can. The caller has the lock.
func (m *Model) ready(ctx context.Context) error {
	switch {
	case m.programs == nil:
		return errClosed
	case m.load != nil:
		return m.load(ctx)
	}
	return nil
}

// openText opens the tokenizer, chat template and stop tokens. A folder without a tokenizer still serves token ids.
func (m *Model) openText() error {
	m.stop = slices.Clone(m.config.EOSTokenID)
	data, err := os.ReadFile(filepath.Join(m.dir, "generation_config.json"))
	if err == nil {
		var generation struct {
			EOS transformer.TokenIDs `json:"eos_token_id"`
		}
		if err := json.Unmarshal(data, &generation); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(m.dir, "generation_config.json"), err)
		}
		if len(generation.EOS) > 0 {
			m.stop = generation.EOS
		}
	}
	if !tokenizer.Exists(m.dir) {
		return nil
	}
	if m.tokenizer, err = tokenizer.Open(m.dir); err != nil {
		return err
	}
	m.chat, err = tokenizer.LoadChat(m.dir)
	if errors.Is(err, tokenizer.ErrNoChatTemplate) {
		return nil
	}
	return err
}

// Config is the base model's.
func (m *Model) Config() *transformer.Config { return m.config }

// Backend is what the model computes on.
func (m *Model) Backend() backend.Choice { return m.backend }

// DType is that of weights and states.
func (m *Model) DType() dtypes.DType { return m.dtype }

// WeightType tells apart what states are computed with: the dtype, and whether matrices are int8.
func (m *Model) WeightType() string {
	if m.int8 {
		return "int8 " + m.dtype.String()
	}
	return m.dtype.String()
}

// Dir is the base model's folder.
func (m *Model) Dir() string { return m.dir }

// Tokenizer is nil where the model's folder has none.
func (m *Model) Tokenizer() tokenizer.Tokenizer { return m.tokenizer }

// Chat is nil where the model's folder has no chat template.
func (m *Model) Chat() *tokenizer.ChatTemplate { return m.chat }

// Heads are the heads' names, in the order of their probabilities.
func (m *Model) Heads() []*classifier.Head { return m.heads }

// StopTokens are the tokens that end a text, by generation_config.json or config.json.
func (m *Model) StopTokens() []int32 { return slices.Clone(m.stop) }

// WeightBytes is the memory that the base's weights take on the device: none yet where Options.Lazy has put them off.
func (m *Model) WeightBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store.bytes()
}

// Counts tells what was compiled and executed so far.
func (m *Model) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Close frees the model's memory on the device.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropPrefixes()
	m.dropPrograms()
	m.programs = nil
	m.dropBank()
	finalizeValues(m.headValues)
	m.store.finalize()
	if m.tokenizer != nil {
		return m.tokenizer.Close()
	}
	return nil
}

func (m *Model) dropPrograms() {
	for _, p := range m.programs {
		p.graph.Finalize()
	}
	clear(m.programs)
}

func (m *Model) dropPrefixes() {
	for _, p := range m.prefixes {
		p.finalize()
	}
	clear(m.prefixes)
}

// constants are the inputs that all programs share: the weights and the adapters; and the heads where they are asked for.
func (m *Model) constants(heads bool) []value {
	list := slices.Concat(m.store.values, m.bankValues)
	if heads {
		list = append(list, m.headValues...)
	}
	return list
}

// program compiles a program, or finds it compiled.
func (m *Model) program(key string, inputs []value, build func(in nodes) []*Node) (*program, error) {
	if p, ok := m.programs[key]; ok {
		return p, nil
	}
	p, err := compile(m.backend.Backend, key, inputs, build)
	if err != nil {
		return nil, err
	}
	m.counts.Compiled++
	m.programs[key] = p
	return p, nil
}

// weights is the view of a program that runs whole rows; see loopWeights for the loop's.
func (m *Model) weights(in nodes) *graphWeights {
	w := &graphWeights{store: m.store, in: in}
	if m.bank != nil {
		w.adapters = m.bankInputs(in)
		w.rows = lora.NewRows(in["adapter"], in["lora.owner"], in["lora.scale"], m.bank.Slots())
	}
	return w
}

// loopWeights is the view of the loop's body, where the rows' scales are part of the state.
func (m *Model) loopWeights(s nodes) *graphWeights {
	w := &graphWeights{store: m.store, in: s}
	if m.bank != nil {
		w.adapters = m.bankInputs(s)
		w.rows = lora.Rows{Scale: s["rows.scale"], Slot: s["rows.slot"]}
	}
	return w
}

func (m *Model) bankInputs(in nodes) map[string]lora.Inputs {
	var list []*Node
	for _, p := range m.bank.Params() {
		list = append(list, in["lora."+p.Name])
	}
	return m.bank.Bind(list)
}

func (m *Model) headNodes(in nodes) []*Node {
	var list []*Node
	for _, p := range m.heads.Params() {
		list = append(list, in[p.Name])
	}
	return list
}

// What the loop does not read as it comes in: names, and beginnings of names. What is made of these beforehand is state of
// its own, see fixedState and freshState.
var (
	onlyMain      = []string{"adapter", "lora.owner", "lora.scale"}
	onlyMainKinds = []string{"row.k.", "row.v.", "prefix.k.", "prefix.sum.", resumed}
)

// decodeInputs are the names of the inputs that the loop reads at every step, sorted.
func decodeInputs(in nodes) []string {
	var names []string
	for name := range in {
		kind := func(begin string) bool { return strings.HasPrefix(name, begin) }
		if !slices.Contains(onlyMain, name) && !slices.ContainsFunc(onlyMainKinds, kind) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
