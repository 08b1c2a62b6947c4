package main

import (
	"strings"
	"testing"
)

func TestFindAsset(t *testing.T) {
	const name = "pjrt_cpu_linux_amd64.tar.gz"
	tests := []struct {
		name, release, url, digest, wantErr string
	}{
		{
			name: "found",
			release: `{"assets":[
				{"name":"pjrt_cpu_linux_arm64.tar.gz","browser_download_url":"https://example.org/arm","digest":"sha256:00"},
				{"name":"pjrt_cpu_linux_amd64.tar.gz","browser_download_url":"https://example.org/amd","digest":"sha256:11"}]}`,
			url: "https://example.org/amd", digest: "11",
		},
		{
			name:    "no digest published",
			release: `{"assets":[{"name":"pjrt_cpu_linux_amd64.tar.gz","browser_download_url":"https://example.org/amd","digest":null}]}`,
			wantErr: "cannot be checked",
		},
		{
			name:    "another kind of digest",
			release: `{"assets":[{"name":"pjrt_cpu_linux_amd64.tar.gz","browser_download_url":"u","digest":"sha512:11"}]}`,
			wantErr: `digest "sha512:11"`,
		},
		{
			name:    "other platforms only",
			release: `{"assets":[{"name":"pjrt_cpu_windows_amd64.zip","digest":"sha256:00"}]}`,
			wantErr: "it has pjrt_cpu_windows_amd64.zip",
		},
		{name: "a page, not JSON", release: `<html>`, wantErr: "not the expected JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url, digest, err := findAsset([]byte(test.release), name)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if url != test.url || digest != test.digest {
				t.Errorf("got (%q, %q), want (%q, %q)", url, digest, test.url, test.digest)
			}
		})
	}
}
