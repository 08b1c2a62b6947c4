package head

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
)

// Options say how heads are trained together.
type Options struct {
	Backend compute.Backend // required
	Epochs  int             // most passes over the training rows
	// BatchSize is the rows of an update; 0 or more than there are is all rows at once.
	BatchSize int
	// Patience ends a head's training when its loss on the dev rows has not fallen for so many epochs; 0 is off. Its weights
	// are those of its best epoch in any case, where there are dev rows.
	Patience int
	Seed     uint64 // of the order of the rows
	// Standardize trains on states with mean 0 and deviation 1 in every number, over the training rows, and folds that into the
	// first layer afterwards, so that the head reads the states as they are. Heads with a layer norm do without.
	Standardize bool
	// Weights are first weights of specs by index and tensor name, in place of random ones.
	Weights map[int]map[string][]float32
	// Progress is told after each epoch; it may be nil.
	Progress func(epoch, epochs int)
}

// Result is a trained head.
type Result struct {
	Spec    Spec
	Tensors map[string][]float32 // by classifier.Config.ParamNames
	// Losses are those of training, of each epoch the mean over its updates, as they were before them.
	Losses []float64
	// DevLosses are the mean losses on the dev rows after each epoch, without class weights, smoothing and dropout.
	DevLosses []float64
	Epoch     int       // after which the weights were taken, counted from 1; 0 are the first weights
	DevLogits []float64 // of the dev rows by these weights
	// Err says why a head diverged: its loss was not finite. Its weights are those before, where there are dev rows.
	Err error
}

// Train trains heads together: see the package documentation. dev may be nil. A head that diverges has an error in its result,
// and the others go on; an error of Train's own is about all.
func Train(ctx context.Context, data, dev *Data, specs []Spec, o Options) ([]Result, error) {
	if err := check(data, dev, specs, &o); err != nil {
		return nil, err
	}
	blocks := blocksOf(specs)
	for _, b := range blocks {
		if err := b.begin(specs, o.Weights); err != nil {
			return nil, err
		}
	}
	p, scales := load(blocks, data, dev, o)
	defer p.close()
	if err := p.compile(); err != nil {
		return nil, err
	}
	t := &training{programs: p, data: data, dev: dev, options: o, results: make([]Result, len(specs)), waited: make([]int, len(specs))}
	for i, s := range specs {
		t.results[i] = Result{Spec: s}
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.results, t.finish(scales)
}

func check(data, dev *Data, specs []Spec, o *Options) error {
	switch {
	case o.Epochs < 1:
		return fmt.Errorf("epochs: expected 1 or more, found %d", o.Epochs)
	case o.BatchSize < 0:
		return fmt.Errorf("batch: expected 0 (all rows) or more, found %d", o.BatchSize)
	case o.Patience < 0:
		return fmt.Errorf("patience: expected 0 (off) or more, found %d", o.Patience)
	case len(specs) == 0:
		return errors.New("no head is given to train")
	}
	if err := data.Check("training"); err != nil {
		return err
	}
	if dev != nil {
		if err := dev.Check("dev"); err != nil {
			return err
		}
		if len(dev.Inputs) != len(data.Inputs) {
			return fmt.Errorf("the dev rows have %d inputs, and the training rows %d", len(dev.Inputs), len(data.Inputs))
		}
	}
	for i := range specs {
		s := &specs[i]
		if err := s.Validate(); err != nil {
			return fmt.Errorf("head %d %s: %w", i, s.Name, err)
		}
		if s.Input < 0 || s.Input >= len(data.Inputs) {
			return fmt.Errorf("head %d %s reads input %d, and there are %d", i, s.Name, s.Input, len(data.Inputs))
		}
		for _, d := range []*Data{data, dev} {
			if d != nil && d.width(s.Input) != s.Config.HiddenSize {
				return fmt.Errorf("head %d %s is for states of %d numbers, and these have %d", i, s.Name, s.Config.HiddenSize, d.width(s.Input))
			}
		}
	}
	if o.BatchSize >= data.N() {
		o.BatchSize = 0
	}
	return nil
}

// load brings the states that the blocks read to the device. scales are by block and input: what the states were divided by.
func load(blocks []*block, data, dev *Data, o Options) (*programs, [][]*scale) {
	p := &programs{backend: o.Backend, blocks: blocks, batch: o.BatchSize}
	place := map[string]int{}
	var made, scales [][]*scale
	for _, b := range blocks {
		scaled := o.Standardize && !b.config.LayerNorm
		key := fmt.Sprint(b.inputs, scaled)
		at, there := place[key]
		if !there {
			at = len(p.inputs)
			place[key] = at
			list := make([]*scale, len(b.inputs))
			for i, input := range b.inputs {
				if scaled {
					list[i] = scaleOf(data.Inputs[input], b.config.HiddenSize)
				}
			}
			made = append(made, list)
			p.inputs = append(p.inputs, b.stack(data, list))
			if dev != nil {
				p.dev = append(p.dev, b.stack(dev, list))
			}
		}
		p.reads, scales = append(p.reads, at), append(scales, made[at])
	}
	labels := make([]float32, data.N())
	for i, l := range data.Labels {
		if l {
			labels[i] = 1
		}
	}
	p.labels = tensors.FromFlatDataAndDimensions(labels, len(labels))
	return p, scales
}

// stack is the block's inputs of all rows, scaled: [N, I, D].
func (b *block) stack(data *Data, scales []*scale) *tensors.Tensor {
	width := b.config.HiddenSize
	all := make([]float32, data.N()*len(b.inputs)*width)
	for i, input := range b.inputs {
		x := scales[i].apply(data.Inputs[input])
		for row := range data.N() {
			copy(all[(row*len(b.inputs)+i)*width:], x[row*width:(row+1)*width])
		}
	}
	return tensors.FromFlatDataAndDimensions(all, data.N(), len(b.inputs), width)
}

// training is a run under way.
type training struct {
	programs  *programs
	data, dev *Data
	options   Options
	results   []Result
	waited    []int // of each head, the epochs since its best one; below 0 where it has stopped
}

func (t *training) run(ctx context.Context) error {
	for epoch := 1; epoch <= t.options.Epochs; epoch++ {
		losses, err := t.epoch(ctx, epoch)
		if err != nil {
			return err
		}
		t.record(losses, epoch)
		running, err := t.judge(epoch)
		if err != nil {
			return err
		}
		if t.options.Progress != nil {
			t.options.Progress(epoch, t.options.Epochs)
		}
		if !running {
			return nil
		}
	}
	return nil
}

// epoch runs one pass and returns each update's losses, in the blocks' order.
func (t *training) epoch(ctx context.Context, epoch int) (losses [][]float32, err error) {
	n := t.data.N()
	size := t.options.BatchSize
	var order []int32
	if size == 0 {
		size = n
		order = make([]int32, n)
	} else {
		random := rand.New(rand.NewPCG(t.options.Seed, uint64(epoch)))
		for _, i := range random.Perm(n) {
			order = append(order, int32(i))
		}
	}
	var pending []*tensors.Tensor
	defer func() {
		for _, x := range pending {
			_ = x.FinalizeAll() // nothing can be done about it
		}
	}()
	for start := 0; start < n; start += size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		loss, err := t.programs.step(order[start:min(start+size, n)])
		if err != nil {
			return nil, err
		}
		pending = append(pending, loss)
	}
	for _, x := range pending { // read at the end only: reading waits for the device
		values, err := tensors.CopyFlatData[float32](x)
		if err != nil {
			return nil, err
		}
		losses = append(losses, values)
	}
	return losses, nil
}

// record takes in an epoch's losses and ends the heads that diverged.
func (t *training) record(losses [][]float32, epoch int) {
	at := 0
	for _, b := range t.programs.blocks {
		for _, i := range b.members {
			r := &t.results[i]
			sum := 0.0
			for step, values := range losses {
				v := float64(values[at])
				if t.waited[i] >= 0 && !finite(v) {
					r.Err = fmt.Errorf("head %s: the loss is %v in epoch %d (update %d): the learning rate of %v is too high, or states are huge",
						r.Spec.Name, v, epoch, (epoch-1)*len(losses)+step+1, r.Spec.LearningRate)
					t.waited[i] = -1
				}
				sum += v
			}
			if t.waited[i] >= 0 {
				r.Losses = append(r.Losses, sum/float64(len(losses)))
			}
			at++
		}
	}
}

// judge takes the weights of the heads that are better than before on the dev rows, and tells whether any head goes on.
func (t *training) judge(epoch int) (running bool, err error) {
	var logits [][]float32
	if t.dev != nil {
		if logits, err = t.programs.judge(func(b *block) []*tensors.Tensor { return b.state[:len(b.names)] }); err != nil {
			return false, err
		}
	}
	for k, b := range t.programs.blocks {
		improved := make([]bool, len(b.members))
		for m, i := range b.members {
			if t.waited[i] < 0 {
				continue
			}
			if t.dev == nil {
				improved[m] = epoch == t.options.Epochs
				running = true
				continue
			}
			n := t.dev.N()
			improved[m] = t.better(i, meanLoss(b.loss, logits[k][m*n:(m+1)*n], t.dev.Labels), epoch)
			running = running || t.waited[i] >= 0
		}
		if err := b.keep(improved); err != nil {
			return false, err
		}
	}
	return running, nil
}

// better records a head's dev loss, tells whether it is its lowest, and stops the head where its patience is at an end.
func (t *training) better(i int, loss float64, epoch int) bool {
	r := &t.results[i]
	lowest := math.Inf(1)
	if r.Epoch > 0 {
		lowest = r.DevLosses[r.Epoch-1]
	}
	r.DevLosses = append(r.DevLosses, loss)
	if !finite(loss) {
		r.Err, t.waited[i] = fmt.Errorf("head %s: the loss on the dev rows is %v after epoch %d: the learning rate of %v is too high, or states are huge",
			r.Spec.Name, loss, epoch, r.Spec.LearningRate), -1
		return false
	}
	if loss < lowest {
		r.Epoch, t.waited[i] = epoch, 0
		return true
	}
	t.waited[i]++
	if t.options.Patience > 0 && t.waited[i] >= t.options.Patience {
		t.waited[i] = -1
	}
	return false
}

// meanLoss is the plain loss of logits, in float64.
func meanLoss(kind Loss, logits []float32, labels []bool) float64 {
	sum := 0.0
	for i, z := range logits {
		s := float64(z) // of the label's side
		if !labels[i] {
			s = -s
		}
		if kind == Brier {
			p := 1 / (1 + math.Exp(s)) // of the other side
			sum += p * p
		} else {
			sum += softplus(-s)
		}
	}
	return sum / float64(len(logits))
}

// softplus is ln(1+eˣ) without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// finish puts the weights into the results, with the states' scale folded in, and the logits that they give.
func (t *training) finish(scales [][]*scale) error {
	var logits [][]float32
	if t.dev != nil {
		var kept []*tensors.Tensor
		defer func() {
			for _, x := range kept {
				_ = x.FinalizeAll() // nothing can be done about it
			}
		}()
		var err error
		logits, err = t.programs.judge(func(b *block) (list []*tensors.Tensor) {
			for _, name := range b.names {
				list = append(list, tensors.FromFlatDataAndDimensions(b.best[name], b.dims(name)...))
			}
			kept = append(kept, list...)
			return list
		})
		if err != nil {
			return err
		}
	}
	for k, b := range t.programs.blocks {
		for m, i := range b.members {
			r := &t.results[i]
			r.Tensors = b.tensorsOf(m)
			scales[k][m/len(b.layers)].fold(r.Tensors)
			if t.dev == nil {
				r.Epoch = len(r.Losses)
				continue
			}
			n := t.dev.N()
			for _, z := range logits[k][m*n : (m+1)*n] {
				r.DevLogits = append(r.DevLogits, float64(z))
			}
		}
	}
	return nil
}
