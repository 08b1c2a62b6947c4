package finding

// Place is [Finding.Location], but nothing for an HTTP exchange whose file is where the traffic was stored: that says
// nothing of the weakness.
func (f *Finding) Place() string {
	if (f.Request != "" || f.Response != "") && !isAbsoluteURI(f.File) {
		return ""
	}
	return f.Location()
}
