package run

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	var log bytes.Buffer
	m := NewMeter(&log, "training", 3, 10)
	m.begun = time.Now().Add(-2 * time.Second)
	m.Step(4, 1000, "loss 0.31")
	m.begun = time.Now().Add(-1 * time.Second)
	m.Step(5, 1000, "loss 0.30")
	m.begun = time.Now().Add(-time.Hour) // a validation
	m.Begin()
	if since := time.Since(m.begun); since > time.Minute {
		t.Errorf("a step that has just begun has taken %v", since)
	}
	m.Finish()
	values := m.Values()
	if got := values[TokensPerSecond]; got < 540 || got > 560 { // 500, and a tenth of the way to 1000
		t.Errorf("%v tokens a second", got)
	}
	if got := values[SecondsPerStep]; got < 1.89 || got > 1.91 {
		t.Errorf("%v seconds a step", got)
	}
	if got := values[Memory]; runtime.GOOS == "linux" && (got < 1e6 || got > 1e12) {
		t.Errorf("%v bytes of memory", got)
	}
}
