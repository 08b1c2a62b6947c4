package classifier

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // graph code reads as formulas, as everywhere in GoMLX
	"github.com/gomlx/gomlx/support/exceptions"
)

// Pool keeps running pools of several kinds in a decode loop, so that every head's verdict is at hand after every token.
// Its state is a flat list of nodes, for While; [Pool.Init], [Pool.Update] and [Pool.Value] may be called inside closures
// and reduce nothing.
type Pool struct {
	kinds []Pooling
	slots []string // the accumulator that each node of the state is
}

// Accumulators of the state. Each is there only if a kind needs it. At count 0 sumAt, sumFrom and most all hold x[0], the
// value of their kind without generated tokens; the first token replaces it.
const (
	slotCount   = "count"   // [B] t, generated tokens so far
	slotSumAt   = "sumAt"   // [B,D] x[1]+…+x[t]
	slotSumFrom = "sumFrom" // [B,D] x[0]+…+x[t-1]
	slotSumAll  = "sumAll"  // [B,D] sum of prompt and generated states
	slotPrompt  = "prompt"  // [B] n, prompt tokens
	slotLast    = "last"    // [B,D] x[t]
	slotMost    = "most"    // [B,D] max(x[1], …, x[t])
)

var slotsOf = map[Pooling][]string{
	PoolMeanGenerated: {slotSumAt},
	PoolMeanFrom:      {slotSumFrom, slotLast},
	PoolMeanAll:       {slotSumAll, slotPrompt},
	PoolLast:          {slotLast},
	PoolMax:           {slotMost},
}

// NewPool returns a running pool of the given kinds (repeats are allowed). Encoder kinds are refused.
func NewPool(kinds ...Pooling) (*Pool, error) {
	p := &Pool{slots: []string{slotCount}}
	for _, kind := range kinds {
		need, ok := slotsOf[kind]
		if !ok {
			return nil, fmt.Errorf("pooling %q does not run along with generated tokens: expected one of %s", kind, join(decoderPoolings))
		}
		if slices.Contains(p.kinds, kind) {
			continue
		}
		p.kinds = append(p.kinds, kind)
		for _, slot := range need {
			if !slices.Contains(p.slots, slot) {
				p.slots = append(p.slots, slot)
			}
		}
	}
	return p, nil
}

// Kinds returns the kinds, without repeats, in the order given to [NewPool].
func (p *Pool) Kinds() []Pooling { return slices.Clone(p.kinds) }

// Len returns how many nodes the state has.
func (p *Pool) Len() int { return len(p.slots) }

// NeedsPromptSum tells whether [Prompt.Sum] and [Prompt.Count] must be given: whether mean_all is among the kinds.
func (p *Pool) NeedsPromptSum() bool { return slices.Contains(p.kinds, PoolMeanAll) }

// Prompt is what a pool needs to know of the prompt's states. See [PromptOf].
type Prompt struct {
	Last  *Node // [B,D]: h[n-1], the state at the last prompt token
	Sum   *Node // [B,D]: h[0]+…+h[n-1]; used by mean_all only
	Count *Node // [B]: n, of any dtype; used by mean_all only
}

// PromptOf takes a [Prompt] from right-padded states [B,S,D] and the rows' lengths [B] int32. It reduces, so it belongs in
// the prefill program and not in one whose main function starts a loop that reduces as well.
func PromptOf(states, length *Node) Prompt {
	zero := ConstAs(length, 0)
	x := ConvertDType(states, dtypes.Float32)
	all := between(x, Mul(length, zero), length)
	return Prompt{
		Last:  Over(PoolLast, states, length, length),
		Sum:   ReduceSum(Where(all, x, ConstAs(x, 0)), 1),
		Count: length,
	}
}

// Init returns the state before the first generated token. All of it is float32.
func (p *Pool) Init(prompt Prompt) []*Node {
	if p.NeedsPromptSum() && (prompt.Sum == nil || prompt.Count == nil) {
		exceptions.Panicf("classifier.Pool.Init: pooling %q needs the sum and number of the prompt's states", PoolMeanAll)
	}
	x := ConvertDType(prompt.Last, dtypes.Float32)
	state := make([]*Node, len(p.slots))
	for i, slot := range p.slots {
		switch slot {
		case slotCount:
			zeros := make([]float32, x.Shape().Dim(0))
			state[i] = Const(x.Graph(), zeros)
		case slotSumAll:
			state[i] = ConvertDType(prompt.Sum, dtypes.Float32)
		case slotPrompt:
			state[i] = ConvertDType(prompt.Count, dtypes.Float32)
		default:
			state[i] = x
		}
	}
	return state
}

// Update adds the state x [B,D] at the token just fed in, in the rows where active [B] bool holds; the other rows stay.
func (p *Pool) Update(state []*Node, x, active *Node) []*Node {
	p.checkLen(state)
	x = ConvertDType(x, dtypes.Float32)
	count := p.at(state, slotCount)
	first := Equal(count, ConstAs(count, 0))
	next := slices.Clone(state)
	for i, slot := range p.slots {
		old := state[i]
		var grown *Node
		switch slot {
		case slotCount:
			grown = Add(old, ConstAs(old, 1))
		case slotSumAt:
			grown = Where(first, x, Add(old, x))
		case slotSumFrom:
			grown = Where(first, old, Add(old, p.at(state, slotLast)))
		case slotSumAll:
			grown = Add(old, x)
		case slotLast:
			grown = x
		case slotMost:
			grown = Where(first, x, Max(old, x))
		default: // slotPrompt
			continue
		}
		next[i] = Where(active, grown, old)
	}
	return next
}

// Value returns the pooled state [B,D] float32 of a kind after the tokens seen so far.
func (p *Pool) Value(state []*Node, kind Pooling) *Node {
	p.checkLen(state)
	if !slices.Contains(p.kinds, kind) {
		exceptions.Panicf("classifier.Pool.Value: pooling %q is not kept, only %s", kind, join(p.kinds))
	}
	count := p.at(state, slotCount)
	tokens := Max(count, ConstAs(count, 1))
	switch kind {
	case PoolMeanGenerated:
		return Div(p.at(state, slotSumAt), column(tokens))
	case PoolMeanFrom:
		return Div(p.at(state, slotSumFrom), column(tokens))
	case PoolMeanAll:
		return Div(p.at(state, slotSumAll), column(Add(p.at(state, slotPrompt), count)))
	case PoolLast:
		return p.at(state, slotLast)
	default: // PoolMax; NewPool lets no other kind in
		return p.at(state, slotMost)
	}
}

func (p *Pool) checkLen(state []*Node) {
	if len(state) != len(p.slots) {
		exceptions.Panicf("classifier.Pool: the state has %d nodes, expected %d", len(state), len(p.slots))
	}
}

func (p *Pool) at(state []*Node, slot string) *Node { return state[slices.Index(p.slots, slot)] }
