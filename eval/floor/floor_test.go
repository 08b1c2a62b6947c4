package floor

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
)

// sklearn is testdata/sklearn.json, written by make_sklearn.py beside it.
type sklearn struct {
	Train []struct {
		Text  string
		Label bool
	}
	Terms int
	Test  []struct {
		Text string
		P    float64
	}
}

func readSklearn(t *testing.T) (s sklearn, texts []string, labels []bool) {
	t.Helper()
	data, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	for _, row := range s.Train {
		texts, labels = append(texts, row.Text), append(labels, row.Label)
	}
	return s, texts, labels
}

func TestAsScikitLearn(t *testing.T) {
	s, texts, labels := readSklearn(t)
	m, err := Fit(texts, labels)
	if err != nil {
		t.Fatal(err)
	}
	if m.Terms() != s.Terms {
		t.Errorf("%d terms, scikit-learn has %d", m.Terms(), s.Terms)
	}
	for _, row := range s.Test {
		if p := m.Prob(row.Text); math.Abs(p-row.P) > 1e-6 {
			t.Errorf("%q: p = %.8f, scikit-learn %.8f", row.Text, p, row.P)
		}
	}
}

func TestFitIsRepeatable(t *testing.T) {
	_, texts, labels := readSklearn(t)
	a, err := Fit(texts, labels)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Fit(texts, labels)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.weights, b.weights) {
		t.Error("two fits of the same rows differ")
	}
}

func TestFitRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		texts  []string
		labels []bool
		want   string
	}{
		{"nothing", nil, nil, "no rows"},
		{"lengths", []string{"a"}, []bool{true, false}, "1 texts and 2 labels"},
		{"one class", []string{"aa", "bb"}, []bool{true, true}, "one class"},
	} {
		_, err := Fit(test.texts, test.labels)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, expected one with %q", test.name, err, test.want)
		}
	}
	if _, err := Fit([]string{"aa"}, []bool{false}); !errors.Is(err, ErrOneClass) {
		t.Errorf("one class: %v is not ErrOneClass", err)
	}
}

func TestTextsWithoutWords(t *testing.T) {
	m, err := Fit([]string{"", "--", "a"}, []bool{true, true, false})
	if err != nil {
		t.Fatal(err)
	}
	if p := m.Prob("unknown"); math.Abs(p-2.0/3) > 1e-6 {
		t.Errorf("p = %v: without words it should be the share of real findings, 2/3", p)
	}
}

func TestMostTerms(t *testing.T) {
	v := newVectorizer([]string{"bb bb aa aa cc", "cc dd"}, 3)
	for _, term := range []string{"aa", "bb", "cc"} {
		if _, ok := v.columns[term]; !ok {
			t.Errorf("%q is among the three commonest terms and is not kept: %v", term, v.columns)
		}
	}
	if len(v.idf) != 3 {
		t.Errorf("%d terms, expected 3", len(v.idf))
	}
}

func TestTextHasNoPathOrTruth(t *testing.T) {
	text := Text(&finding.Finding{
		Tool: "Checkov", Rule: "CKV_1", Title: "open", File: "tests/pass/main.tf", Snippet: "cidr", Request: "GET /", Response: "HTTP/1.1 200",
		Flow: []string{"source", "sink"}, Label: "the-truth",
	})
	for _, want := range []string{"Checkov", "CKV_1", "open", "cidr", "GET /", "HTTP/1.1 200", "source", "sink"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
	for _, not := range []string{"tests/pass", "the-truth"} {
		if strings.Contains(text, not) {
			t.Errorf("%q is in the text", not)
		}
	}
}
