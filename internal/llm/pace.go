package llm

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Waits between attempts.
const (
	longestBackOff = 30 * time.Second
	longestAsked   = 10 * time.Minute // a server that asks for more is left alone for now
)

// pace spaces attempts out and holds all of them back when the server asks for it.
type pace struct {
	mu    sync.Mutex
	every time.Duration // between attempts; 0 is at once
	next  time.Time     // before which nothing is sent
}

func newPace(perMinute int) *pace {
	p := &pace{}
	if perMinute > 0 {
		p.every = time.Minute / time.Duration(perMinute)
	}
	return p
}

// wait lets the caller go when it is its turn.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	return sleep(ctx, turn.Sub(now))
}

// hold sends nothing for a while.
func (p *pace) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.next) {
		p.next = until
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// backOff is the wait before attempt n+1: base·2ⁿ and no more than longestBackOff, of which a random half to all, so that callers
// that failed together do not come back together.
func backOff(base time.Duration, n int, r *rand.Rand) time.Duration {
	d := longestBackOff
	if n < 30 {
		d = min(d, base<<n)
	}
	return d/2 + time.Duration(r.Int64N(int64(d/2)+1))
}

// retryAfter reads how long a server asks to wait: the header Retry-After, in seconds or as a date (RFC 9110, section 10.2.3),
// or OpenAI's retry-after-ms. Without either, or with one that cannot be read, it is 0.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return seconds(ms / 1000)
	}
	text := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		return seconds(s)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// seconds is a duration, of at most a year.
func seconds(s float64) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	return time.Duration(min(s, 365*24*3600) * float64(time.Second))
}
