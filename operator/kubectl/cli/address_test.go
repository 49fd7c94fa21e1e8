package cli

import "testing"

func TestAnAddressIsWhatPeopleMean(t *testing.T) {
	for typed, want := range map[string]string{
		"localhost:9090":                "http://localhost:9090",
		"prometheus":                    "http://prometheus",
		"10.0.0.1:9090/prom":            "http://10.0.0.1:9090/prom",
		"[::1]:9090":                    "http://[::1]:9090",
		"http://127.0.0.1:9090":         "http://127.0.0.1:9090",
		"https://thanos.example.com/a/": "https://thanos.example.com/a/",
		"":                              "",
		":9090":                         "",
		"ftp://host":                    "",
		"http://":                       "",
		"host:port":                     "",

		"[::1]":                             "http://[::1]",
		"host:9090/":                        "http://host:9090/",
		" host:9090\n":                      "http://host:9090",
		"https://host/prom/":                "https://host/prom/",
		"user:pass@host:9090":               "http://user:pass@host:9090",
		"https://user:p%40ss@host/prom":     "https://user:p%40ss@host/prom",
		"HTTP://host:9090":                  "HTTP://host:9090",
		"::1":                               "",
		"::1:9090":                          "",
		"http://[::1":                       "",
		"host:":                             "",
		"https://host:/":                    "",
		"host:0":                            "",
		"host:99999":                        "",
		"http:/host":                        "",
		"http//host:9090":                   "",
		"http://http://host":                "",
		"//host:9090":                       "",
		"/var/run/prometheus.sock":          "",
		"./prometheus.sock":                 "",
		"unix:/var/run/prometheus.sock":     "",
		"unix:///var/run/prometheus.sock":   "",
		"tcp://host:9090":                   "",
		"a b":                               "",
		"-":                                 "",
		"host:9090?tenant=a":                "",
		"host:9090#top":                     "",
		"http://host:9090/graph":            "",
		"http://host:9090/graph?g0.expr=up": "",
		"http://host:9090/prom/api/v1/":     "",
	} {
		var a Address
		if err := a.Set(typed); (err == nil) != (want != "") || a.String() != want {
			t.Errorf("%q is %q (%v), want %q", typed, a.String(), err, want)
		}
	}
}
