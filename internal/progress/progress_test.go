package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	for _, test := range []struct {
		o       Options
		done    int64
		elapsed time.Duration
		note    string
		want    string
	}{
		{Options{Title: "reviewing", Total: 64}, 0, time.Minute, "", "reviewing: 0 of 64"},
		{Options{Title: "reviewing", Total: 64}, 16, 10 * time.Second, "", "reviewing: 16 of 64, about 30s left"},
		{Options{Title: "reviewing", Total: 64}, 64, time.Minute, "", "reviewing: 64 of 64"},
		{Options{Title: "converting", Total: 538_000_000, Bytes: true}, 269_000_000, 2 * time.Second, "", "converting: 269 of 538 MB, about 2s left"},
		{Options{Title: "training", Total: 30, From: 20}, 20, time.Minute, "", "training: 20 of 30"},
		{Options{Title: "training", Total: 30, From: 20}, 22, 10 * time.Second, "830 tokens/s", "training: 22 of 30, about 40s left, 830 tokens/s"},
	} {
		if got := line(test.o, test.done, test.elapsed, test.note); got != test.want {
			t.Errorf("line is %q, want %q", got, test.want)
		}
	}
}

// A log gets a line now and then, not one a step, and no control characters.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	b := Start(&log, Options{Title: "reviewing", Total: 100})
	for i := range int64(50) {
		b.Set(i)
	}
	if log.Len() > 0 {
		t.Errorf("within an instant %q was written", &log)
	}
	b.lastLine = b.lastLine.Add(-lineEvery)
	b.Set(51)
	b.Set(52)
	b.Finish()
	b.Finish()
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "reviewing: 51 of 100") || strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("the log is %q", got)
	}
}

func TestClock(t *testing.T) {
	o := Options{Title: "reviewing", Total: 6}
	if got, want := clock(o, 0, 8*time.Second, ""), "reviewing, 8s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := clock(o, 2, 8*time.Second, "1.2 GB"), "reviewing, 8s, about 16s left, 1.2 GB"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Text goes through unchanged, before, while and after the bar is shown.
func TestOver(t *testing.T) {
	var log, out bytes.Buffer
	b := New(&log, Options{Title: "reviewing", Total: 2})
	w := b.Over(&out)
	write := func(text string) {
		if n, err := w.Write([]byte(text)); err != nil || n != len(text) {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
	}
	write("a")
	b.Start()
	write("b")
	b.Finish()
	write("c")
	if out.String() != "abc" || log.Len() > 0 {
		t.Errorf("text %q, log %q", &out, &log)
	}
}

func TestNilBar(_ *testing.T) {
	var b *Bar
	b.Note("none") // must not panic
	b.Set(1)
	b.Finish()
}
