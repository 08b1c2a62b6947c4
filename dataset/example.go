package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/januslm/janus/finding"
)

// Categories of the study's training data.
const (
	HTTPHeaders = "HTTP_HEADERS" // a security header missing, weak or leaking
	XSS         = "XSS"          // cross-site scripting
	SQLI        = "SQLI"         // SQL injection
	Info        = "INFO"         // information that should not be given out
)

// Categories lists the study's categories in the order in which they are shown.
func Categories() []string { return []string{HTTPHeaders, XSS, SQLI, Info} }

// Example is one row of training data: an HTTP exchange, an analysis of it, and the truth. The first six fields are the
// study's training_data table; the others say where the row comes from and what must stay together when data is split.
type Example struct {
	ID           int64  `json:"id"` // the store's; 0 before it has one
	Request      string `json:"request"`
	Response     string `json:"response"`
	Analysis     string `json:"analysis"` // the reasoning that a model is taught to write
	IsVulnerable bool   `json:"is_vulnerable"`
	VulnCategory string `json:"vuln_category"` // one of Categories

	PairID string `json:"pair_id,omitempty"` // the same for two rows that differ only in what makes one vulnerable
	Group  string `json:"group,omitempty"`   // never on both sides of a split: the template that the row was made from
	Source string `json:"source,omitempty"`  // "offline", "api:MODEL", "template", or the file that it was imported from
	Split  string `json:"split,omitempty"`   // "train", "dev", "test", or empty
	Note   string `json:"note,omitempty"`    // what was done to make the row vulnerable or not, in words
	Prompt string `json:"prompt,omitempty"`  // version of the prompts that wrote it, where a model did

	Created  string `json:"created,omitempty"`  // when the store got it, RFC 3339; the store fills it in where it is empty
	Reviewed string `json:"reviewed,omitempty"` // when a person confirmed its label, RFC 3339; empty where nobody did
}

// ContentHash is the SHA-256, in hex, of the study's columns without the id. Rows that are equal in it are the same row,
// whatever their id, split, group and source are.
func (e *Example) ContentHash() string {
	h := sha256.New()
	for _, field := range []string{e.Request, e.Response, e.Analysis, e.Label(), e.VulnCategory} {
		// The length makes the concatenation unambiguous. hash.Hash never fails.
		_, _ = fmt.Fprintf(h, "%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Label is the truth as a finding's label: "TP" where the exchange is vulnerable, "FP" where it is not.
func (e *Example) Label() string {
	if e.IsVulnerable {
		return string(finding.TruePositive)
	}
	return string(finding.FalsePositive)
}

// ParseLabel reads a truth in the ways in which data sets write it: TP, FP, true, false, 1, 0, in any case.
func ParseLabel(text string) (vulnerable bool, err error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "tp", "true", "1", "1.0":
		return true, nil
	case "fp", "false", "0", "0.0":
		return false, nil
	}
	return false, fmt.Errorf("expected TP or FP, true or false, 1 or 0, found %q", clip(text))
}

// clip shortens a text that a message quotes.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
