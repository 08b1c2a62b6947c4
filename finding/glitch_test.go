package finding

import (
	"strings"
	"testing"
)

// glitchShort are the fields that a GLITCH report tells.
func glitchShort(f *Finding) string {
	return strings.Join([]string{f.Location(), f.Rule, f.CWE, f.Language, f.Focus}, " | ")
}

func TestGLITCH(t *testing.T) {
	for name, tc := range map[string]struct {
		doc  string
		want []string
	}{
		"csv": {
			"site/a.rb,3,sec_https,source 'http://x, y'\nsite/b, c.pp,10,sec_hard_pass,$pw = 'p',\n  and more\nsite/d.yml,-1,design_avoid_comments,# x\n",
			[]string{"site/a.rb:3 | sec_https | CWE-319 | chef | source 'http://x, y'", "site/b, c.pp:10 | sec_hard_pass | CWE-259 | puppet | $pw = 'p',\n  and more", "site/d.yml | design_avoid_comments |  | ansible | # x"},
		},
		"csv and statistics": {
			"a.tf,3,sec_hard_secr,x\r\n+----+\n| Smell |\n",
			[]string{"a.tf:3 | sec_hard_secr | CWE-798 | terraform | x"},
		},
		"linter": {
			"Suspicious comment - words such as TODO, HACK. (CWE-546),a/b.pp,7,sec_susp_comm,# TODO\n",
			[]string{"a/b.pp:7 | sec_susp_comm | CWE-546 | puppet | # TODO"},
		},
		"labelled": {
			"PATH,LINE,ERROR\nepos-a/x.rb,5,hardcoded-secret\nepos-a/y.rb,0,none\nepos-a/z.rb,9,weak cryptography algorithms\n",
			[]string{"epos-a/x.rb:5 | hardcoded-secret | CWE-798 | chef | ", "epos-a/z.rb:9 | weak cryptography algorithms | CWE-327 | chef | "},
		},
		"labelled, with a repository": {
			"repo;path;line;code;repr\nr;a.yml;5;sec_https;u: http://x\n",
			[]string{"a.yml:5 | sec_https | CWE-319 | ansible | u: http://x"},
		},
	} {
		report := readString(t, tc.doc, "auto")
		var got []string
		for i := range report.Findings {
			got = append(got, glitchShort(&report.Findings[i]))
		}
		if report.Format != "glitch" || strings.Join(got, "\n") != strings.Join(tc.want, "\n") || len(report.Problems) > 0 {
			t.Errorf("%s: %s %v\n%s", name, report.Format, report.Problems, strings.Join(got, "\n"))
		}
	}
}

func TestGLITCHBroken(t *testing.T) {
	report := readString(t, "Traceback\n\na.rb,3,sec_https,x\n", "glitch")
	if len(report.Findings) != 1 || len(report.Problems) != 1 || !strings.HasPrefix(report.Problems[0].Error(), "in:1: expected path,line,code") {
		t.Errorf("%d findings, %v", len(report.Findings), report.Problems)
	}
	long := "a.rb,3,sec_https,x\n" + strings.Repeat("goes on\n", 100_000) + "b.rb,4,sec_https,y\n"
	report = readString(t, long, "auto")
	if len(report.Findings) != 2 || len(report.Findings[0].Focus) > maxElementBytes {
		t.Errorf("%d findings", len(report.Findings))
	}
}

func TestSmellNamed(t *testing.T) {
	for name, want := range map[string]string{
		"Hard-coded secret": "hard_coded_secret", "hardcoded-secret": "hard_coded_secret", "Use of HTTP without TLS": "use_of_http",
		"weak_cryptography": "weak_cryptography_algorithms", "SEC_SUSP_COMM": "suspicious_comment", "": "", "other": "",
	} {
		if s, _ := smellNamed(name); s.name != want {
			t.Errorf("%q is %q, want %q", name, s.name, want)
		}
	}
}
