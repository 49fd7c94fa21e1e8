package agent

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Behaviour is what one container of the sample app does.
type Behaviour struct {
	Version         string        // The image's tag; header x-version.
	Port            int           // Where it listens when its container names no port.
	ErrorRate       float64       // Share of requests answered with ErrorCode, 0 to 1.
	ErrorCode       int           // HTTP status of those.
	ErrorAfter      time.Duration // For so long after its start it makes no errors.
	ErrorFor        time.Duration // Then it makes errors for so long; 0 for ever.
	ErrorHeader     HeaderMatch   // Requests with it fail by ErrorHeaderRate, in place of ErrorRate.
	ErrorHeaderRate float64       // 0 to 1.
	Latency         time.Duration // Added to every answer.
	SlowRate        float64       // Share of requests that take SlowLatency more, 0 to 1.
	SlowLatency     time.Duration
	CrashAfter      time.Duration // It exits with ExitCode so long after its start; 0 never.
	OOMAfter        time.Duration // The kernel kills it for its memory so long after its start; 0 never.
	ExitCode        int
	NeverReady      bool          // Its health check fails for ever.
	ReadyAfter      time.Duration // Its health check fails for so long after its start.
	Dependency      string        // A URL that is asked at each request; when it does not answer 200, the request fails. Empty: none.
	ShutdownAfter   time.Duration // Told to end, it serves for so long, then ends when its last request is done.
	CPU             time.Duration // What a request takes of a cpu, as the resource metrics tell it.
	Memory          resource.Quantity
	GRPCStatus      int // What every request of gRPC ends with.

	// A container with a Request asks once and ends, and serves nothing: with 0 when the answer is below 400, else with ExitCode.
	Request string      // A URL.
	Host    string      // The Host header; empty: the URL's.
	Header  http.Header // Further headers.
}

// HeaderMatch chooses requests by a header.
type HeaderMatch struct {
	Name  string // Empty: no request is chosen.
	Value string // Empty: whatever its value.
}

// on says whether a request with these headers is chosen.
func (m HeaderMatch) on(h http.Header) bool {
	if m.Name == "" {
		return false
	}
	values := h.Values(m.Name)
	return m.Value == "" && len(values) > 0 || slices.Contains(values, m.Value)
}

// byTag are the behaviours that the ending of a tag stands for.
var byTag = [...]struct {
	suffix string
	args   []string
}{
	{"-errors", []string{"--error-rate=0.3"}},
	{"-slow", []string{"--slow-rate=0.5", "--slow-latency=800ms"}},
	{"-crash", []string{"--crash-after=10s"}},
	{"-oom", []string{"--oom-after=10s"}},
	{"-never-ready", []string{"--never-ready"}},
	{"-late", []string{"--error-rate=0.3", "--error-after=60s"}},
	{"-slow-start", []string{"--ready-after=15s"}},
}

// ParseBehaviour reads a container's image, environment and arguments; later ones win in this order. The error says which
// argument is wrong.
func ParseBehaviour(c corev1.Container) (Behaviour, error) {
	b := Behaviour{Version: imageTag(c.Image), Memory: resource.MustParse("16Mi"), Header: http.Header{}}
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&b.Port, "port", 8080, "")
	fs.Float64Var(&b.ErrorRate, "error-rate", 0, "")
	fs.IntVar(&b.ErrorCode, "error-code", 500, "")
	fs.DurationVar(&b.ErrorAfter, "error-after", 0, "")
	fs.DurationVar(&b.ErrorFor, "error-for", 0, "")
	fs.Func("error-header", "", func(text string) error {
		b.ErrorHeader.Name, b.ErrorHeader.Value, _ = strings.Cut(text, "=")
		return nil
	})
	fs.Float64Var(&b.ErrorHeaderRate, "error-header-rate", 1, "")
	fs.DurationVar(&b.Latency, "latency", 0, "")
	fs.Float64Var(&b.SlowRate, "slow-rate", 0, "")
	fs.DurationVar(&b.SlowLatency, "slow-latency", 500*time.Millisecond, "")
	fs.DurationVar(&b.CrashAfter, "crash-after", 0, "")
	fs.DurationVar(&b.OOMAfter, "oom-after", 0, "")
	fs.IntVar(&b.ExitCode, "exit-code", 1, "")
	fs.BoolVar(&b.NeverReady, "never-ready", false, "")
	fs.DurationVar(&b.ReadyAfter, "ready-after", 0, "")
	fs.StringVar(&b.Dependency, "dependency", "", "")
	fs.DurationVar(&b.ShutdownAfter, "shutdown-after", 2*time.Second, "")
	fs.DurationVar(&b.CPU, "cpu", time.Millisecond, "")
	fs.Func("memory", "", func(text string) (err error) {
		b.Memory, err = resource.ParseQuantity(text)
		return err
	})
	fs.IntVar(&b.GRPCStatus, "grpc-status", 0, "")
	fs.StringVar(&b.Request, "request", "", "")
	fs.StringVar(&b.Host, "host", "", "")
	fs.Func("header", "", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errors.New("write NAME=VALUE")
		}
		b.Header.Add(name, value)
		return nil
	})
	for _, t := range byTag {
		if strings.HasSuffix(b.Version, t.suffix) {
			if err := fs.Parse(t.args); err != nil {
				return b, fmt.Errorf("tag %s: %w", b.Version, err)
			}
		}
	}
	var wrong []error
	fs.VisitAll(func(f *flag.Flag) {
		name := "APP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		for _, e := range c.Env {
			if e.Name != name || e.ValueFrom != nil {
				continue
			}
			if err := fs.Set(f.Name, e.Value); err != nil {
				wrong = append(wrong, fmt.Errorf("environment variable %s=%q: %w", name, e.Value, err))
			}
		}
	})
	if err := errors.Join(wrong...); err != nil {
		return b, err
	}
	if err := fs.Parse(c.Args); err != nil {
		return b, fmt.Errorf("arguments %q: %w", c.Args, err)
	}
	if fs.NArg() > 0 {
		return b, fmt.Errorf("argument %q is not understood; arguments look like --error-rate=0.3", fs.Arg(0))
	}
	return b, b.check()
}

func (b Behaviour) check() error {
	for name, rate := range map[string]float64{"--error-rate": b.ErrorRate, "--error-header-rate": b.ErrorHeaderRate, "--slow-rate": b.SlowRate} {
		if rate < 0 || rate > 1 {
			return fmt.Errorf("%s=%v: a share lies between 0 and 1", name, rate)
		}
	}
	if b.ErrorCode < 200 || b.ErrorCode > 599 {
		return fmt.Errorf("--error-code=%d: use a status from 200 to 599", b.ErrorCode)
	}
	if b.Request == "" {
		if b.Host != "" || len(b.Header) > 0 {
			return errors.New("--host and --header are of the request that --request asks for; give that too")
		}
		return nil
	}
	if u, err := url.Parse(b.Request); err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("--request=%s: use a URL such as http://10.244.200.2/", b.Request)
	}
	return nil
}

// imageTag returns the tag of an image reference, "latest" where it has none.
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := image[strings.LastIndex(image, "/")+1:]
	if _, tag, ok := strings.Cut(name, ":"); ok {
		return tag
	}
	return "latest"
}

// imageMissing reports whether pulling the image fails.
func imageMissing(image string) bool { return imageTag(image) == "missing" }
