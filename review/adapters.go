package review

import (
	"os"
	"strings"
)

// SplitAdapters reads adapters given as DIR or CATEGORY=DIR: the folders, and the index of each category's. A folder whose
// own name has a "=" is still a folder.
func SplitAdapters(given []string) (dirs []string, categories map[string]int) {
	categories = map[string]int{}
	for i, text := range given {
		category, dir, ok := strings.Cut(text, "=")
		_, err := os.Stat(text)
		if !ok || category == "" || err == nil {
			dirs = append(dirs, text)
			continue
		}
		dirs = append(dirs, dir)
		categories[category] = i
	}
	return dirs, categories
}
