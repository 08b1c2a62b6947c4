package floor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/januslm/janus/finding"
)

// ReadJudges reads files of verdicts, NAME=FILE: JSON lines as janus review writes them.
func ReadJudges(named []string) (judges []Judge, err error) {
	for _, text := range named {
		name, file, ok := strings.Cut(text, "=")
		if !ok || name == "" || file == "" {
			return nil, fmt.Errorf("verdicts: expected NAME=FILE, found %q", text)
		}
		answers, err := readAnswers(file)
		if err != nil {
			return nil, err
		}
		judges = append(judges, Judge{name, answers})
	}
	return judges, nil
}

// readAnswers are a file's verdicts by id. A finding that failed has none.
func readAnswers(file string) (map[string]Answer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("verdicts: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	answers := map[string]Answer{}
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, end := lines.ReadBytes('\n')
		if end != nil && !errors.Is(end, io.EOF) {
			return nil, fmt.Errorf("%s: %w", file, end)
		}
		if len(strings.TrimSpace(string(line))) > 0 {
			var v struct {
				ID      string        `json:"id"`
				Verdict finding.Label `json:"verdict"`
				P       *float64      `json:"p"`
			}
			if err := json.Unmarshal(line, &v); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, finding.ExplainJSON(err))
			}
			if v.Verdict != "" && v.P != nil {
				if _, twice := answers[v.ID]; twice {
					return nil, fmt.Errorf("%s:%d: a second verdict on finding %s: verdicts go by id, so each needs its own", file, n, v.ID)
				}
				answers[v.ID] = Answer{*v.P, v.Verdict != finding.FalsePositive}
			}
		}
		if end != nil {
			return answers, nil
		}
	}
}
