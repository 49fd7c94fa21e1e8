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
	} {
		var a Address
		if err := a.Set(typed); (err == nil) != (want != "") || a.String() != want {
			t.Errorf("%q is %q (%v), want %q", typed, a.String(), err, want)
		}
	}
}
