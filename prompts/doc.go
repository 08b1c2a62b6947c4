// Package prompts holds the text that the model is asked with, as files that can be read, copied and changed: one folder a
// variant, "plain", the engineered "pe", and "tpfp",
// which asks for the verdict alone.
//
//	instructions.txt       the system message, the same for every finding, so that its cache is computed once
//	closing.txt            what follows an analysis that ran to its last token: it leads to AnswerTrue or AnswerFalse
//	answers.txt            other answers, where a variant has them: that of a real finding, and on the next line that of a false alarm
//	finding.tmpl           the question about a finding, a text/template
//	category/NAME.tmpl     the same for findings of a category, such as HTTP_HEADERS
//	tool/NAME.tmpl         the same for findings of a scanner, such as GLITCH
//	fields.tmpl and other  parts that templates share: {{template "fields.tmpl" .}}
//
// A finding's template is its tool's, else its category's, else finding.tmpl. A finding's text is data to the template and
// never a template itself; docs/prompts.md describes the fields and functions.
package prompts
