package finding

// candidates gives what ReadOptions.Rules makes of one exchange; false means stop.
func (in *input) candidates(exchange Finding) bool {
	for _, f := range in.opts.Rules(exchange) {
		f.Origin = exchange.Origin
		f.Notes = append(f.Notes, exchange.Notes...)
		for _, field := range []struct {
			to   *string
			from string
		}{
			{&f.Source, exchange.Source}, {&f.Category, exchange.Category}, {&f.Language, exchange.Language},
			{&f.Request, exchange.Request}, {&f.Response, exchange.Response}, {&f.Title, exchange.Title},
		} {
			if *field.to == "" {
				*field.to = field.from
			}
		}
		// The same exchange makes the same candidate wherever its file lies, unless the file
		// is a URL, which belongs to the exchange.
		if f.File == "" && isAbsoluteURI(exchange.File) {
			f.File = exchange.File
		}
		in.ids.assign(&f)
		if f.File == "" {
			f.File, f.Line = exchange.File, exchange.Line
		}
		in.report.Total++
		if !in.emit(f) {
			return false
		}
	}
	return true
}
