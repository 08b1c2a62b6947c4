// Package jinja interprets chat templates: the part of Jinja 2 that Hugging Face models
// use, as transformers renders it (trim_blocks, lstrip_blocks, loop controls, its own
// tojson, raise_exception, strftime_now, {% generation %}, no HTML escaping).
//
// It exists beside gonja for two reasons. gonja v2.9.0 renders 16 of 22 everyday
// snippets of chat templates as transformers does (tojson, dict order, two-argument
// replace, {% generation %} and others differ). And here a string remembers, byte by
// byte, whether the template wrote it or a message brought it in (see [Text]), through
// trimming, splitting, slicing, replacing and joining. That is what keeps the text of a
// finding from becoming a control token, without placeholders that hostile text could
// imitate.
//
// Values are Go values: nil (None), bool, int64, float64, [Text], [*List], [*Dict] and
// functions. Semantics follow Jinja 3.1 on Python 3: lengths and slices count code
// points, printing a list gives Python's repr, undefined names print as nothing.
package jinja
