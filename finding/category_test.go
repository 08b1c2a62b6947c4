package finding

import "testing"

func TestVulnCategory(t *testing.T) {
	for _, tc := range []struct {
		f    Finding
		want string
	}{
		{Finding{Category: "xss"}, "XSS"},
		{Finding{Category: "SQLI", CWE: "CWE-79"}, "SQLI"},
		{Finding{Category: "http", CWE: "CWE-79", Title: "Cross Site Scripting (Reflected)"}, "XSS"},
		{Finding{Category: "http", CWE: "CWE-89"}, "SQLI"},
		{Finding{Category: "code", CWE: "CWE-89", Rule: "csp"}, "SQLI"},
		{Finding{Category: "http", CWE: "CWE-693", Title: "CSP: Wildcard Directive"}, "HTTP_HEADERS"},
		{Finding{Category: "http", CWE: "CWE-200", Title: `Server Leaks Version Information via "Server" HTTP Response Header Field`}, "HTTP_HEADERS"},
		{Finding{Category: "http", CWE: "CWE-319", Title: "Strict-Transport-Security Header Not Set"}, "HTTP_HEADERS"},
		{Finding{Category: "http", CWE: "CWE-1021", Title: "Missing Anti-clickjacking Header"}, "HTTP_HEADERS"},
		{Finding{Category: "http", CWE: "CWE-200", Title: "Private IP Disclosure"}, "INFO"},
		{Finding{Category: "code", CWE: "CWE-120", Title: "strcpy"}, ""},
		{Finding{Category: "code", Title: "Description of a CSPRNG"}, ""},
		{Finding{}, ""},
	} {
		if got := tc.f.VulnCategory(); got != tc.want {
			t.Errorf("%+v is %q, want %q", tc.f, got, tc.want)
		}
	}
}
