package prompts

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Export writes the set's files to a new or empty folder, for a user to change and to give to [Open].
func (s *Set) Export(dir string) error {
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return fmt.Errorf("prompts: %s is not empty: export to a new folder, so that none of your files is lost", dir)
	}
	for _, part := range s.Parts() {
		file := filepath.Join(dir, filepath.FromSlash(part.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("prompts: %w", err)
		}
		if err := renameio.WriteFile(file, []byte(part.Text+"\n"), 0o644, renameio.WithTempDir(filepath.Dir(file))); err != nil {
			return fmt.Errorf("prompts: %w", err)
		}
	}
	return nil
}
