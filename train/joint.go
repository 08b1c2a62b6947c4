package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph" //nolint:revive // GoMLX's own habit for graph functions
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/optimize"
	"github.com/januslm/janus/transformer"
)

// headDir is the name of the head in a run folder and in its checkpoints.
const headDir = "head"

// JointOptions say how an adapter and a head are trained together.
type JointOptions struct {
	Options
	Head                 head.Spec // its learning rate, weight decay and loss are not looked at
	HeadRate             float64   // what the learning rate is multiplied by for the head; 0 counts as 1
	LMWeight, HeadWeight float64
	Lengths              []int // tokens of the analysis after which the head reads; none: after all of it
}

// JointTrainer trains an adapter by the loss of answers, and with it a head, on the states of the same forward pass. The head reads
// them as a review does: pooled over the analysis without its verdict, which would give the truth away.
//
// The loss of an update is lm_weight·(mean over the completions' tokens of −log p) + head_weight·(mean over labelled rows, and over
// lengths, of the weighted binary cross-entropy).
type JointTrainer struct {
	model     *model.Model
	decoder   transformer.Decoder
	options   JointOptions
	adapting  *Adapting
	parts     int                 // the adapter's tensors, which are the first of what is trained
	optimizer *optimize.Optimizer // of the adapter's parts and the head's tensors, in their order
	replicas  *model.Replicas     // nil for one device
}

// NewJoint puts an adapter and the first weights of a head on the device, as [New] does.
func NewJoint(m *model.Model, a *lora.Adapter, o JointOptions) (*JointTrainer, error) {
	if err := o.Head.Validate(); err != nil {
		return nil, err
	}
	c := &o.Head.Config
	if c.Pooling.ForEncoder() || c.Dropout != 0 {
		return nil, errors.New("a head that is trained together with an adapter pools a decoder's states, without dropout")
	}
	if err := checkLayer(m, c.Layer); err != nil {
		return nil, err
	}
	decoder, ok := m.Layers().(transformer.Decoder)
	if !ok {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	adapting, err := NewAdapting(m, a)
	if err != nil {
		return nil, err
	}
	params := adapting.Params()
	t := &JointTrainer{model: m, decoder: decoder, options: o, adapting: adapting, parts: len(params)}
	shapes, first := c.ParamShapes(), o.Head.FirstWeights()
	for _, name := range c.ParamNames() {
		params = append(params, optimize.Param{Name: headDir + "." + name, Shape: shapes[name], Data: first[name], Rate: o.HeadRate})
	}
	axes := maps.Clone(rowAxes)
	maps.Copy(axes, map[string]int{"head.from": 0, "head.ends": 1, "head.targets": 0, "head.weights": 0})
	var compile optimize.Compile
	if compile, t.replicas, err = o.compile(m, axes); err != nil {
		return nil, err
	}
	t.optimizer, err = optimize.New(m.Backend().Backend, compile, params, t.loss, optimize.Options{AdamW: o.AdamW, Schedule: o.Schedule})
	return t, err
}

// checkLayer refuses a layer that the model has not.
func checkLayer(m *model.Model, layer classifier.Layer) error {
	if n := m.Config().NumHiddenLayers; int(layer) >= n {
		return fmt.Errorf("layer is %s, but the model has layers 0 to %d", layer, n-1)
	}
	return nil
}

// JointUpdate is what [JointTrainer.Step] did.
type JointUpdate struct {
	Update           // Loss is the weighted sum
	LM, Head float64 // its parts, before they are weighted
}

// Step makes one update by the gradients of one or more batches, as [Trainer.Step].
func (t *JointTrainer) Step(ctx context.Context, batches ...[]JointExample) (JointUpdate, error) {
	tokens, labelled := 0, 0
	for _, b := range batches {
		if err := t.check(b); err != nil {
			return JointUpdate{}, err
		}
		n, _ := classes(b)
		tokens, labelled = tokens+jointTokens(b), labelled+n
	}
	if tokens+labelled == 0 {
		return JointUpdate{}, errors.New("there are no examples")
	}
	inputs := make([][]model.Input, len(batches))
	for i, b := range batches {
		// From the run's seed, the update and the batch alone, so that a run can be resumed.
		random := rand.New(rand.NewPCG(t.options.Seed, uint64(t.Steps())<<16|uint64(i)))
		inputs[i] = t.inputs(b, 1/float32(max(tokens, 1)), labelled, random)
	}
	u, err := t.optimizer.Step(ctx, inputs...)
	if err != nil {
		return JointUpdate{Update: Update{Step: u.Step, Tokens: tokens}}, err
	}
	return JointUpdate{
		Update: Update{Step: u.Step, Loss: u.Losses[0], GradNorm: u.GradNorm, LearningRate: u.LearningRate, Tokens: tokens},
		LM:     u.Losses[1], Head: u.Losses[2],
	}, nil
}

// Judge returns, without dropout, the sum over the completions' tokens of the negative log-probability, and the head's logits
// of each row, before temperature: one a length.
func (t *JointTrainer) Judge(ctx context.Context, batch []JointExample) (loss float64, logits [][]float64, err error) {
	if err := t.check(batch); err != nil {
		return 0, nil, err
	}
	out, err := t.optimizer.Evaluate(ctx, "judge", t.inputs(batch, 1, 1, nil), func(f model.Frozen, params []*Node, in map[string]*Node) []*Node {
		lm, pooled := t.forward(f, params, in, false)
		return append([]*Node{lm}, t.logits(pooled, params)...)
	})
	if err != nil {
		return 0, nil, err
	}
	defer optimize.Finalize(out)
	sums, err := optimize.Scalars(out[:1])
	if err != nil {
		return 0, nil, err
	}
	logits = make([][]float64, len(batch))
	for _, list := range out[1:] {
		flat, err := tensors.CopyFlatData[float32](list)
		if err != nil {
			return 0, nil, err
		}
		for i := range batch {
			logits[i] = append(logits[i], float64(flat[i]))
		}
	}
	return sums[0], logits, nil
}

func (t *JointTrainer) check(batch []JointExample) error {
	c := t.model.Config()
	if err := checkTokens(plain(batch), c.VocabSize, c.ContextLength); err != nil {
		return err
	}
	for _, e := range batch {
		if e.Analysis < 0 || e.Analysis > len(e.Completion) {
			return errors.New("an example's analysis is longer than its completion")
		}
	}
	return nil
}

// reads are the tokens of the analysis that the head reads, one a length.
func (t *JointTrainer) reads(e JointExample) []int {
	list := []int{e.Analysis}
	if len(t.options.Lengths) > 0 {
		list = slices.Clone(t.options.Lengths)
	}
	for k := range list {
		list[k] = min(list[k], e.Analysis)
	}
	return list
}

// plain are the rows as texts alone.
func plain(batch []JointExample) []Example {
	list := make([]Example, len(batch))
	for i, e := range batch {
		list[i] = e.Example
	}
	return list
}

func jointTokens(batch []JointExample) (n int) {
	for _, e := range batch {
		n += len(e.Completion)
	}
	return n
}

// inputs are those of a batch's loss; without random there is no dropout. weight is that of a token; labelled are the rows that the
// head's mean is over.
func (t *JointTrainer) inputs(batch []JointExample, weight float32, labelled int, random *rand.Rand) []model.Input {
	texts := plain(batch)
	written := jointTokens(batch) > 0 && t.options.LMWeight != 0
	if !written { // nothing reads what is behind the head's last token
		for i, e := range batch {
			texts[i].Completion = e.Completion[:slices.Max(t.reads(e))]
		}
	}
	shape := shapeOf(texts, t.options.rows(len(batch)))
	list := shape.inputs(texts, weight)
	if !written {
		list = list[:2] // no labels: then the program has no logits
	}
	lengths := max(len(t.options.Lengths), 1)
	from, ends := make([]int32, shape.rows), make([]int32, lengths*shape.rows)
	targets, weights := make([]float32, shape.rows), make([]float32, shape.rows)
	for i := range shape.rows {
		e := JointExample{Example: Example{Prompt: make([]int32, 1)}} // of padding: pools must not be empty
		if i < len(batch) {
			e = batch[i]
		}
		from[i] = int32(len(e.Prompt))
		for k, read := range t.reads(e) {
			ends[k*shape.rows+i] = from[i] + int32(read)
		}
		s := &t.options.Head
		class := s.NegWeight
		if e.Real {
			targets[i], class = 1, s.PosWeight
		}
		targets[i] = targets[i]*float32(1-s.Smoothing) + float32(s.Smoothing/2)
		if e.Labelled {
			weights[i] = float32(class / float64(max(labelled, 1)*lengths))
		}
	}
	list = append(t.adapting.Inputs(random), list...)
	return append(list,
		model.Input{Name: "head.from", Tensor: tensors.FromFlatDataAndDimensions(from, shape.rows)},
		model.Input{Name: "head.ends", Tensor: tensors.FromFlatDataAndDimensions(ends, lengths, shape.rows)},
		model.Input{Name: "head.targets", Tensor: tensors.FromFlatDataAndDimensions(targets, shape.rows)},
		model.Input{Name: "head.weights", Tensor: tensors.FromFlatDataAndDimensions(weights, shape.rows)},
	)
}

// forward is the answers' loss of a batch, and what the head reads after each length, [B,D].
func (t *JointTrainer) forward(f model.Frozen, params []*Node, in map[string]*Node, checkpoints bool) (lm *Node, pooled []*Node) {
	c, d, layer := t.model.Config(), t.decoder, t.options.Head.Config.Layer
	pass, h := start(c, d, t.adapting.Weights(f, params[:t.parts], in), in)
	lm = Const(h.Graph(), float32(0))
	below := 0 // layers that the head's states have passed
	var states *Node
	if layer != classifier.LastLayer {
		below = int(layer) + 1
		h = through(d, pass, h, 0, below, checkpoints)
		states = h
	}
	// What no loss reads is not computed: neither the layers above the head's, nor the logits.
	if labels := in["from"] != nil; states == nil || labels {
		h = through(d, pass, h, below, c.NumHiddenLayers, checkpoints)
		if labels {
			lm = labelLoss(d, pass, h, in)
		}
	}
	if states == nil {
		states = d.Norm(pass, h)
	}
	ends := in["head.ends"]
	for k := range ends.Shape().Dim(0) {
		end := Reshape(Slice(ends, AxisElem(k)), ends.Shape().Dim(1))
		pooled = append(pooled, classifier.Over(t.options.Head.Config.Pooling, states, in["head.from"], end))
	}
	return lm, pooled
}

// logits are the head's, [B] of each pooled state [B,D].
func (t *JointTrainer) logits(pooled, params []*Node) []*Node {
	list := make([]*Node, len(pooled))
	for k, x := range pooled {
		list[k] = t.options.Head.Config.Logit(x, params[t.parts:])
	}
	return list
}

// loss is the weighted sum, and its parts.
func (t *JointTrainer) loss(f model.Frozen, params []*Node, in map[string]*Node, gradients bool) []*Node {
	lm, pooled := t.forward(f, params, in, t.options.Checkpoints && gradients)
	own := Const(lm.Graph(), float32(0))
	for _, z := range t.logits(pooled, params) {
		own = Add(own, ReduceAllSum(Mul(in["head.weights"], head.CrossEntropy(z, in["head.targets"]))))
	}
	sum := Add(Mul(lm, ConstAs(lm, t.options.LMWeight)), Mul(own, ConstAs(own, t.options.HeadWeight)))
	return []*Node{sum, lm, own}
}

// Steps is how many updates were made.
func (t *JointTrainer) Steps() int { return t.optimizer.Steps() }

// SaveState writes what [JointTrainer.RestoreState] goes on from, to the same bits.
func (t *JointTrainer) SaveState(dir string) error { return t.optimizer.SaveState(dir) }

// RestoreState reads what SaveState wrote for an adapter and a head of the same shapes.
func (t *JointTrainer) RestoreState(dir string) error { return t.optimizer.RestoreState(dir) }

// Adapter copies the adapter from the device, as it is now.
func (t *JointTrainer) Adapter() (*lora.Adapter, error) {
	values, err := t.optimizer.Values()
	if err != nil {
		return nil, err
	}
	return t.adapting.Adapter(values[:t.parts])
}

// Head copies the head from the device, as it is now. It is not calibrated, and records no base and no adapter.
func (t *JointTrainer) Head() (*classifier.Head, error) {
	values, err := t.optimizer.Values()
	if err != nil {
		return nil, err
	}
	c := t.options.Head.Config
	weights := map[string][]float32{}
	for i, name := range c.ParamNames() {
		weights[name] = values[t.parts+i]
	}
	return classifier.New(headDir, c, weights)
}

// Close frees what is on the device.
func (t *JointTrainer) Close() {
	t.optimizer.Close()
	t.adapting.Close()
	if t.replicas != nil {
		t.replicas.Close()
	}
}
