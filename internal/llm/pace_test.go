package llm

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		header, value string
		want          time.Duration
	}{
		{"Retry-After", "", 0},
		{"Retry-After", "7", 7 * time.Second},
		{"Retry-After", "0.25", 250 * time.Millisecond},
		{"Retry-After", "-3", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "1e300", 365 * 24 * time.Hour},
		{"Retry-After", "soon", 0},
		{"Retry-After", now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		{"Retry-After", now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
	} {
		h := http.Header{}
		h.Set(test.header, test.value)
		if got := retryAfter(h, now); got != test.want {
			t.Errorf("%s: %s is %s, want %s", test.header, test.value, got, test.want)
		}
	}
}

func TestBackOffGrowsToItsEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		full := longestBackOff
		if n < 6 {
			full = min(full, time.Second<<n)
		}
		if d := backOff(time.Second, n, r); d < full/2 || d > full {
			t.Errorf("wait %d is %s, want %s to %s", n, d, full/2, full)
		}
	}
}

func TestUsageOfARefusal(t *testing.T) {
	c, err := New(Options{URL: "http://localhost:1", Model: "m", Prices: Prices{Prompt: 1e6, Completion: 1e6}})
	if err != nil {
		t.Fatal(err)
	}
	out := outcome{}
	c.refusal(&out, &reply{status: 503, header: http.Header{}, body: []byte(`{"error":{"message":"overloaded"},"usage":{"prompt_tokens":5,"completion_tokens":2}}`)}, &Request{})
	if !out.again || out.call.State != Failed || out.call.Usage != (Usage{Prompt: 5, Completion: 2}) || out.call.Cost != 7 {
		t.Errorf("%+v", out)
	}
}
