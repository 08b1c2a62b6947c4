package review

import (
	"fmt"
	"os"
	"strings"

	"github.com/januslm/janus/finding"
)

// SplitAdapters reads adapters given as DIR or CATEGORY=DIR: the folders, and the index of each category's, in lower case,
// since case does not matter. A folder whose own name has a "=" is still a folder. A category can have one adapter.
func SplitAdapters(given []string) (dirs []string, categories map[string]int, err error) {
	categories = map[string]int{}
	for i, text := range given {
		category, dir, ok := strings.Cut(text, "=")
		_, err := os.Stat(text)
		if !ok || category == "" || err == nil {
			dirs = append(dirs, text)
			continue
		}
		category = strings.ToLower(category)
		if other, twice := categories[category]; twice {
			return nil, nil, fmt.Errorf("adapter %s: category %s has %s already", dir, category, dirs[other])
		}
		dirs = append(dirs, dir)
		categories[category] = i
	}
	return dirs, categories, nil
}

// adapterOf is the index of a finding's adapter: that of the category in its report, else that of its kind of
// vulnerability, else the first.
func adapterOf(f *finding.Finding, categories map[string]int) int {
	for _, category := range []string{f.Category, f.VulnCategory()} {
		if i, ok := categories[strings.ToLower(category)]; ok {
			return i
		}
	}
	return 0
}
