package llm

import (
	"context"
	"fmt"
	"sync"
)

// budget sees to it that calls cannot cost more than they may: what a call can cost at most is set aside before it is sent.
type budget struct {
	mu       sync.Mutex
	limit    float64 // 0 is none
	spent    float64 // on answers, and at most on calls whose answers never came
	reserved float64 // for calls on their way
	freed    chan struct{}
}

func newBudget(limit, spent float64) *budget {
	return &budget{limit: limit, spent: spent, freed: make(chan struct{})}
}

// reserve sets cost aside. Where it does not fit it waits for calls on their way, most of which cost less than they might;
// where there are none the error is ErrBudget.
func (b *budget) reserve(ctx context.Context, cost float64) error {
	for {
		b.mu.Lock()
		if b.limit == 0 || b.spent+b.reserved+cost <= b.limit {
			b.reserved += cost
			b.mu.Unlock()
			return nil
		}
		spent, alone, freed := b.spent, b.reserved <= 0, b.freed
		b.mu.Unlock()
		if alone {
			return fmt.Errorf("%w: $%.4f of $%.4f is spent, and the next call may cost $%.4f", ErrBudget, spent, b.limit, cost)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-freed:
		}
	}
}

// settle replaces what was set aside by what was spent.
func (b *budget) settle(reserved, spent float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += spent
	if b.reserved -= reserved; b.reserved < 1e-12 {
		b.reserved = 0 // what sums of floats leave over must not look like a call
	}
	close(b.freed)
	b.freed = make(chan struct{})
}
