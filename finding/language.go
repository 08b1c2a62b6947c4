package finding

import (
	"path"
	"strings"
)

// languages by file extension, named as the labelled data sets name them.
var languages = map[string]string{
	".bash": "bash", ".c": "c", ".cc": "cpp", ".clj": "clojure", ".cpp": "cpp", ".cs": "csharp", ".cxx": "cpp",
	".dart": "dart", ".ex": "elixir", ".exs": "elixir", ".go": "go", ".h": "c", ".hcl": "terraform", ".hpp": "cpp",
	".html": "html", ".htm": "html", ".java": "java", ".js": "javascript", ".json": "json", ".jsp": "jsp",
	".jsx": "javascript", ".kt": "kotlin", ".kts": "kotlin", ".lua": "lua", ".mjs": "javascript", ".ml": "ocaml",
	".php": "php", ".pl": "perl", ".pp": "puppet", ".ps1": "powershell", ".py": "python", ".rb": "ruby",
	".rs": "rust", ".scala": "scala", ".sh": "bash", ".sol": "solidity", ".sql": "sql", ".swift": "swift",
	".tf": "terraform", ".ts": "typescript", ".tsx": "typescript", ".vue": "vue", ".xml": "xml",
	".yaml": "yaml", ".yml": "yaml",
}

// languageOf guesses a file's language from its name, or returns "".
func languageOf(file string) string {
	base := path.Base(file)
	if strings.HasPrefix(base, "Dockerfile") {
		return "dockerfile"
	}
	return languages[strings.ToLower(path.Ext(base))]
}
