package run

import "errors"

// Output is what a run writes besides what it needs. Configs embed it.
type Output struct {
	Charts bool `yaml:"charts" default:"false" resume:"free" doc:"draw the curves of loss, quality, learning rate and memory at the end, as PNG and SVG"`
	WandB  bool `yaml:"wandb" default:"false" resume:"free" doc:"write the metrics at the end as Weights & Biases names them, too"`
}

// Write writes what was asked for of a run folder, finished or not.
func (o Output) Write(dir string) error {
	var errs []error
	if o.Charts {
		_, err := Charts(dir)
		errs = append(errs, err)
	}
	if o.WandB {
		errs = append(errs, ExportWandB(dir))
	}
	return errors.Join(errs...)
}
