package promfault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// timed changes the times of the samples in an answer; all else in it stays.
func timed(data []byte, to func(time.Time) time.Time) ([]byte, error) {
	var answer, result map[string]json.RawMessage
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	if err := json.Unmarshal(answer["data"], &result); err != nil {
		return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	var err error
	switch string(result["resultType"]) {
	case `"scalar"`, `"string"`:
		result["result"] = sample(result["result"], to)
	case `"vector"`, `"matrix"`:
		err = change(result, "result", func(all []map[string]json.RawMessage) []map[string]json.RawMessage {
			for _, series := range all {
				retime(series, to)
			}
			return all
		})
	}
	if err != nil {
		return nil, err
	}
	if answer["data"], err = json.Marshal(result); err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	return json.Marshal(answer)
}

// retime changes the times of one series, which has one sample or a list of them, of numbers or of histograms.
func retime(series map[string]json.RawMessage, to func(time.Time) time.Time) {
	for _, name := range []string{"value", "histogram"} {
		if one, ok := series[name]; ok {
			series[name] = sample(one, to)
		}
	}
	for _, name := range []string{"values", "histograms"} {
		var all []json.RawMessage
		if json.Unmarshal(series[name], &all) != nil {
			continue // there is no such list
		}
		for i, one := range all {
			all[i] = sample(one, to)
		}
		series[name] = slices.Concat([]byte("["), bytes.Join(raw(all), []byte(",")), []byte("]"))
	}
}

func raw(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i, one := range all {
		out[i] = one
	}
	return out
}

// sample changes the time of one sample, [time, value]; what is none stays.
func sample(one json.RawMessage, to func(time.Time) time.Time) json.RawMessage {
	before, value, found := bytes.Cut(one, []byte(","))
	t, ok := parseTime(string(bytes.TrimLeft(before, "[ ")))
	if !found || !ok {
		return one
	}
	return slices.Concat([]byte("["+formatTime(to(t))+","), value)
}

// dateOff moves the time at which Prometheus says that it answers.
func dateOff(h http.Header, ahead time.Duration) {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		h.Set("Date", t.Add(ahead).UTC().Format(http.TimeFormat))
	}
}

// byItsClock writes PromQL so that what it reads of the clock, time() and timestamp(…), is ahead by so much. Texts in quotes and comments stay.
func byItsClock(query string, ahead time.Duration) string {
	var out strings.Builder
	for i := 0; i < len(query); {
		if n := quoted(query[i:]); n > 0 {
			out.WriteString(query[i : i+n])
			i += n
			continue
		}
		n := word(query[i:])
		call := 0
		if name := query[i : i+n]; name == "time" || name == "timestamp" {
			call = brackets(query[i+n:])
		}
		if call > 0 {
			fmt.Fprintf(&out, "(%s%s + %s)", query[i:i+n], byItsClock(query[i+n:i+n+call], ahead), seconds(ahead))
			i += n + call
			continue
		}
		n = max(n, 1)
		out.WriteString(query[i : i+n])
		i += n
	}
	return out.String()
}

func seconds(d time.Duration) string { return formatTime(time.Unix(0, 0).Add(d)) }

// word is the length of the name or number that a text begins with, or 0.
func word(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		return len(text)
	}
	return n
}

// quoted is the length of the text in quotes, or of the comment, that a text begins with, or 0.
func quoted(text string) int {
	if text[0] == '#' {
		if n := strings.IndexByte(text, '\n'); n >= 0 {
			return n
		}
		return len(text)
	}
	if !strings.ContainsRune("\"'`", rune(text[0])) {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

// brackets is the length of the bracketed text that a text begins with, with the spaces before it, or 0.
func brackets(text string) int {
	start := len(text) - len(strings.TrimLeft(text, " \t\n"))
	if start == len(text) || text[start] != '(' {
		return 0
	}
	depth := 0
	for i := start; i < len(text); {
		if n := quoted(text[i:]); n > 0 {
			i += n
			continue
		}
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
	return 0
}
