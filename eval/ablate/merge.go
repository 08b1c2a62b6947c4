package ablate

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/eval/results"
)

// Merge puts the points that are there into one table, in the grid's order, with the effects of its axes, and writes both into the
// study's folder. versions are those of the programs. Points that are missing are left out: [Study.Missing] tells.
func (s *Study) Merge(versions map[string]string) (*results.Ablation, []results.Point, error) {
	there, err := readPoints(s.Dir)
	if err != nil {
		return nil, nil, err
	}
	work, err := readWork(s.Dir)
	if err != nil {
		return nil, nil, err
	}
	var points []results.Point
	for _, p := range s.points {
		if done, ok := there[p.hash]; ok {
			done.Values = p.values // the grid's names: a model may be called otherwise now
			points = append(points, done)
		}
	}
	if len(points) == 0 {
		return nil, nil, fmt.Errorf("%s has no point of this grid", s.Dir)
	}
	config, err := s.Grid.Config()
	if err != nil {
		return nil, nil, err
	}
	sum := addUp(work)
	a := &results.Ablation{
		Name: s.Grid.Name, Created: time.Now().UTC().Format(time.RFC3339), Axes: s.axesOf(), Config: config, Versions: maps.Clone(versions),
		Data: s.Rows.Data, Passes: sum.Passes, Times: sum.Seconds, Rows: s.Rows.testRows(),
	}
	if names := backends(work); len(names) > 0 {
		a.Versions["backend"] = fmt.Sprint(names)
		if len(names) == 1 {
			a.Versions["backend"] = names[0]
		}
	}
	if a.Effects, a.Slopes, err = s.effects(points); err != nil {
		return nil, nil, err
	}
	if err := results.WriteAblation(s.Dir, a, points); err != nil {
		return nil, nil, err
	}
	return a, points, renameio.WriteFile(filepath.Join(s.Dir, tableFile), []byte(Table(a, points)), 0o644)
}

// backends are those that points were computed on. Several make figures that may differ in their last digits.
func backends(work []Work) (names []string) {
	for _, w := range work {
		if w.Backend != "" && len(w.Passes) > 0 && !slices.Contains(names, w.Backend) {
			names = append(names, w.Backend)
		}
	}
	slices.Sort(names)
	return names
}
