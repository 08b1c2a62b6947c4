// Package run holds what every training command needs and none is about: a config file read strictly into a struct, a run
// folder with what is needed to repeat the run, metrics, and checkpoints from which an interrupted run goes on to the same
// bytes. It knows nothing of models or data.
//
// A command does
//
//	flags := run.Bind(cmd.Flags(), &config)      // a flag for every key of the config
//	err := flags.Load(path)                      // defaults, then the file, then the flags that were given
//	r, err := run.Start(dir, spec, resume)       // a new run folder, or the old one at its last checkpoint
//	dir, step, ok := r.Latest()                  // where there is something to go on from
//	err = r.Log(step, map[string]float64{run.TrainLoss: loss})
//	err = r.Checkpoint(step, func(dir string) error { … })
//	err = r.Finish()
package run
