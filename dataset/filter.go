package dataset

import (
	"fmt"
	"strings"
)

// NoSplit is the Split of a Filter that chooses rows which have none.
const NoSplit = "none"

// Filter chooses rows. The zero Filter chooses all; empty fields do not count.
type Filter struct {
	Category   string // of the vulnerability, or the finding's
	Split      string // "train", "dev", "test", or NoSplit
	Source     string
	PairID     string // examples only
	Vulnerable *bool  // findings: whether the label is TP, or FP
	Unreviewed bool   // only examples that no person has confirmed
	IDs        []int64
	After      int64 // only examples with greater ids
	Limit      int   // most rows; 0 is all
	Offset     int   // rows to leave out first
}

// where is the filter as SQL's clauses from WHERE on, with its arguments. Its columns are those of the table asked.
func (f Filter) where(findings bool) (clause string, args []any) {
	var terms []string
	add := func(term string, values ...any) { terms, args = append(terms, term), append(args, values...) }
	order, category := "id", "vuln_category"
	if findings {
		order, category = "rowid", "category"
	}
	if f.Category != "" {
		add(category+" = ?", f.Category)
	}
	switch f.Split {
	case "":
	case NoSplit:
		add("split = ''")
	default:
		add("split = ?", f.Split)
	}
	if f.Source != "" {
		add("source = ?", f.Source)
	}
	if f.Vulnerable != nil && findings {
		add("label = ?", map[bool]string{true: "TP", false: "FP"}[*f.Vulnerable])
	} else if f.Vulnerable != nil {
		add("is_vulnerable = ?", *f.Vulnerable)
	}
	if !findings {
		if f.PairID != "" {
			add("pair_id = ?", f.PairID)
		}
		if f.Unreviewed {
			add("reviewed = ''")
		}
		if f.After > 0 {
			add("id > ?", f.After)
		}
		if len(f.IDs) > 0 {
			add("id IN (" + joinIDs(f.IDs) + ")")
		}
	}
	if len(terms) > 0 {
		clause = " WHERE " + strings.Join(terms, " AND ")
	}
	clause += " ORDER BY " + order
	if f.Limit > 0 || f.Offset > 0 {
		limit := f.Limit
		if limit <= 0 {
			limit = -1 // SQLite's for all
		}
		clause += fmt.Sprintf(" LIMIT %d OFFSET %d", limit, max(f.Offset, 0))
	}
	return clause, args
}

// joinIDs is a list of numbers for SQL, which takes fewer arguments than there may be ids.
func joinIDs(ids []int64) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ids)), ","), "[]")
}
