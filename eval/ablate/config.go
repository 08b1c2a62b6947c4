package ablate

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// YAML writes the grid's settings, all of them, as a file of which run.LoadConfig makes the same grid.
func (g *Grid) YAML() ([]byte, error) {
	data, err := yaml.MarshalWithOptions(g, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("writing the grid: %w", err)
	}
	return data, nil
}

// Config is the grid's settings by key, as results have them.
func (g *Grid) Config() (map[string]any, error) {
	data, err := g.YAML()
	if err != nil {
		return nil, err
	}
	var config map[string]any
	return config, yaml.Unmarshal(data, &config)
}
