package finding

import "testing"

// TestVulnCategory: names of rules as the scanners write them.
func TestVulnCategory(t *testing.T) {
	for _, tc := range []struct{ tool, rule, title, cwe, want string }{
		{"ZAP", "10038-1", "Content Security Policy (CSP) Header Not Set", "CWE-693", CategoryHeaders},
		{"ZAP", "10055-4", "CSP: Wildcard Directive", "CWE-693", CategoryHeaders},
		{"ZAP", "10035-1", "Strict-Transport-Security Header Not Set", "CWE-319", CategoryHeaders},
		{"ZAP", "10020-1", "Missing Anti-clickjacking Header", "CWE-1021", CategoryHeaders},
		{"ZAP", "10020", "X-Frame-Options Header Not Set", "CWE-16", CategoryHeaders},
		{"ZAP", "10021", "X-Content-Type-Options Header Missing", "CWE-693", CategoryHeaders},
		{"ZAP", "10010", "Cookie No HttpOnly Flag", "CWE-1004", CategoryHeaders},
		{"ZAP", "10011", "Cookie Without Secure Flag", "CWE-614", CategoryHeaders},
		{"ZAP", "10054-1", "Cookie without SameSite Attribute", "CWE-1275", CategoryHeaders},
		{"ZAP", "10015", "Re-examine Cache-control Directives", "CWE-525", CategoryHeaders},
		{"ZAP", "10015", "Incomplete or No Cache-control Header Set", "CWE-525", CategoryHeaders},
		{"ZAP", "10049-1", "Storable and Cacheable Content", "CWE-524", CategoryHeaders},
		{"ZAP", "10098", "Cross-Domain Misconfiguration", "CWE-264", CategoryHeaders},
		{"ZAP", "40040-2", "CORS Misconfiguration", "CWE-942", CategoryHeaders},
		{"ZAP", "10063-1", "Permissions Policy Header Not Set", "CWE-693", CategoryHeaders},
		{"ZAP", "10037", "Server Leaks Information via \"X-Powered-By\" HTTP Response Header Field(s)", "CWE-497", CategoryHeaders},
		{"ZAP", "10036", "Server Leaks Version Information via \"Server\" HTTP Response Header Field", "CWE-497", CategoryHeaders},
		{"ZAP", "10096", "Timestamp Disclosure - Unix", "CWE-497", CategoryInfo},
		{"ZAP", "10027", "Information Disclosure - Suspicious Comments", "CWE-615", CategoryInfo},
		{"ZAP", "90022", "Application Error Disclosure", "CWE-550", CategoryInfo},
		{"ZAP", "10033", "Directory Browsing", "CWE-548", CategoryInfo},
		{"ZAP", "2", "Private IP Disclosure", "CWE-497", CategoryInfo},
		{"ZAP", "40012", "Cross Site Scripting (Reflected)", "CWE-79", CategoryXSS},
		{"ZAP", "40026", "Cross Site Scripting (DOM Based)", "CWE-79", CategoryXSS},
		{"ZAP", "10031", "User Controllable HTML Element Attribute (Potential XSS)", "CWE-20", CategoryXSS},
		{"ZAP", "40018", "SQL Injection", "CWE-89", CategorySQLI},
		{"ZAP", "40019", "SQL Injection - MySQL", "CWE-89", CategorySQLI},
		{"ZAP", "90020", "Remote OS Command Injection", "CWE-78", ""},
		{"ZAP", "10202", "Absence of Anti-CSRF Tokens", "CWE-352", ""},
		{"ZAP", "10111", "Authentication Request Identified", "", ""},
		{"Burp Suite", "1049088", "SQL injection", "", CategorySQLI},
		{"Burp Suite", "2097920", "Cross-site scripting (reflected)", "", CategoryXSS},
		{"Burp Suite", "5244928", "Cookie without HttpOnly flag set", "", CategoryHeaders},
		{"Burp Suite", "5245344", "Frameable response (potential Clickjacking)", "", CategoryHeaders},
		{"Burp Suite", "7340288", "Cacheable HTTPS response", "CWE-524", CategoryHeaders},
		{"Burp Suite", "16777984", "Strict transport security not enforced", "CWE-523", CategoryHeaders},
		{"Burp Suite", "2098688", "Cross-origin resource sharing: arbitrary origin trusted", "CWE-942", CategoryHeaders},
		{"Burp Suite", "6291968", "Email addresses disclosed", "CWE-200", CategoryInfo},
		{"Burp Suite", "6292736", "Private IP addresses disclosed", "", CategoryInfo},
		{"Burp Suite", "1048832", "OS command injection", "CWE-77", ""},
		{"nuclei", "http-missing-security-headers", "HTTP Missing Security Headers (strict-transport-security)", "", CategoryHeaders},
		{"nuclei", "cors-misconfig", "CORS Misconfiguration", "", CategoryHeaders},
		{"nuclei", "nginx-version", "nginx version detect", "", CategoryInfo},
		{"nuclei", "tech-detect", "Wappalyzer Technology Detection (php)", "", CategoryInfo},
		{"nuclei", "phpinfo-files", "PHPinfo Page - Detect", "CWE-200", CategoryInfo},
		{"nuclei", "CVE-2018-11709", "WordPress wpForo Forum <= 1.4.11 - Cross-Site Scripting", "CWE-79", CategoryXSS},
		{"nuclei", "dvwa-default-login", "DVWA Default Login", "CWE-798", ""},
		{"nuclei", "git-config", "Git Config Disclosure", "CWE-200", CategoryInfo},
		{"Semgrep", "go.lang.security.audit.net.formatted-template-string.formatted-template-string", "formatted-template-string", "CWE-79", CategoryXSS},
		{"Semgrep", "java.lang.security.audit.formatted-sql-string.formatted-sql-string", "formatted-sql-string", "CWE-89", CategorySQLI},
		{"Semgrep", "python.sqlalchemy.security.sqlalchemy-execute-raw-query", "sqlalchemy-execute-raw-query", "CWE-89", CategorySQLI},
		{"Semgrep", "java.lang.security.audit.cookie-missing-httponly.cookie-missing-httponly", "cookie-missing-httponly", "CWE-1004", CategoryHeaders},
		{"Semgrep", "java.lang.security.audit.cbc-padding-oracle.cbc-padding-oracle", "cbc-padding-oracle", "CWE-696", ""},
		{"Semgrep", "python.lang.security.audit.dangerous-subprocess-use", "dangerous-subprocess-use", "CWE-78", ""},
		{"FindSecBugs", "SQL_INJECTION_JDBC", "SQL_INJECTION_JDBC", "", CategorySQLI},
		{"FindSecBugs", "XSS_SERVLET", "XSS_SERVLET", "", CategoryXSS},
		{"Checkov", "CKV_AWS_18", "Ensure the S3 bucket has access logging enabled", "", ""},
		{"", "", "", "", ""},
	} {
		f := Finding{Tool: tc.tool, Rule: tc.rule, Title: tc.title, CWE: tc.cwe}
		if got := f.VulnCategory(); got != tc.want {
			t.Errorf("%s %q (%s): %q, want %q", tc.tool, tc.title, tc.cwe, got, tc.want)
		}
	}
}

// TestVulnCategoryFields: what else of a finding counts.
func TestVulnCategoryFields(t *testing.T) {
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
