package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"lora_rnk", "lora_rank", 1}, {"lr", "rl", 2}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	names := []string{"lora_alpha", "lora_rank", "lora_ranks"}
	if got := Of("lora_rnk", names); got != "lora_rank" {
		t.Errorf("found %q", got)
	}
	if got := Of("x", nil); got != "" {
		t.Errorf("found %q among none", got)
	}
}
