package dataset

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
}
