package run

import (
	"fmt"
	"os"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Lines are the lines on which keys and the entries of lists stand in a YAML file, by their names: "hidden", "hidden[2]" and
// "optimizer.lr". They are for what is wrong with values that can be read, one by one; LoadConfig tells of the others. An empty path
// has none.
func Lines(path string) (map[string]int, error) {
	lines := map[string]int{}
	if path == "" {
		return lines, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: not YAML: %w", path, err)
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			addLines(lines, "", doc.Body)
		}
	}
	return lines, nil
}

func addLines(lines map[string]int, name string, n ast.Node) {
	switch node := n.(type) {
	case *ast.MappingNode:
		for _, p := range node.Values {
			addLines(lines, name, p)
		}
	case *ast.MappingValueNode:
		key := node.Key.String()
		if name != "" {
			key = name + "." + key
		}
		lines[key] = node.Key.GetToken().Position.Line
		addLines(lines, key, node.Value)
	case *ast.SequenceNode:
		for i, item := range node.Values {
			addLines(lines, fmt.Sprintf("%s[%d]", name, i), item)
		}
	default:
		if t := n.GetToken(); t != nil && t.Position != nil {
			lines[name] = t.Position.Line
		}
	}
}
