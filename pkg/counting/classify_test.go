package counting

import "testing"

func TestOutcomesAreClassified(t *testing.T) {
	strict := Rules{TooManyRequestsIsBad: true}
	cases := map[string]struct {
		outcome Outcome
		rules   Rules
		want    Class
	}{
		"an answer":                               {Outcome{"200", "-", "", ""}, Rules{}, Good},
		"an answer with unreported gRPC":          {Outcome{"200", "-", "-", ""}, Rules{}, Good},
		"a switch of protocols":                   {Outcome{"101", "-", "", ""}, Rules{}, Good},
		"a redirect":                              {Outcome{"302", "-", "", ""}, Rules{}, Good},
		"a client's mistake":                      {Outcome{"404", "-", "", ""}, Rules{}, Good},
		"a client's mistake with a flag":          {Outcome{"400", "DPE", "", ""}, Rules{}, Good},
		"too many requests":                       {Outcome{"429", "-", "", ""}, Rules{}, Good},
		"too many requests, if the policy says":   {Outcome{"429", "-", "", ""}, strict, Bad},
		"another 4xx, if the policy says":         {Outcome{"404", "-", "", ""}, strict, Good},
		"an error of the server":                  {Outcome{"500", "-", "", ""}, Rules{}, Bad},
		"the last error of the server":            {Outcome{"599", "-", "", ""}, Rules{}, Bad},
		"a status beyond HTTP's":                  {Outcome{"799", "-", "", ""}, Rules{}, Bad},
		"an error although the client left":       {Outcome{"503", "DC", "", ""}, Rules{}, Bad},
		"the client left":                         {Outcome{"0", "DC", "", ""}, Rules{}, Unclear},
		"the client left after a failure of ours": {Outcome{"0", "DC,URX", "", ""}, Rules{}, Bad},
		"no answer, no reason":                    {Outcome{"0", "-", "", ""}, Rules{}, Unclear},
		"no healthy upstream":                     {Outcome{"0", "UH", "", ""}, Rules{}, Bad},
		"connection failure in a list":            {Outcome{"0", "URX,UF", "", ""}, Rules{}, Bad},
		"a list with spaces":                      {Outcome{"0", "DC, UC", "", ""}, Rules{}, Bad},
		"an answer cut off by the server":         {Outcome{"200", "UC", "", ""}, Rules{}, Bad},
		"an answer whose client left":             {Outcome{"200", "DC", "", ""}, Rules{}, Good},
		"a flag that only begins like ours":       {Outcome{"0", "UHX", "", ""}, Rules{}, Unclear},
		"gRPC's OK":                               {Outcome{"200", "-", "0", ""}, Rules{}, Good},
		"gRPC's not found":                        {Outcome{"200", "-", "5", ""}, Rules{}, Good},
		"gRPC's cancelled":                        {Outcome{"200", "-", "1", ""}, Rules{}, Good},
		"gRPC's unauthenticated":                  {Outcome{"200", "-", "16", ""}, Rules{}, Good},
		"gRPC's unavailable":                      {Outcome{"200", "-", "14", ""}, Rules{}, Bad},
		"gRPC's unknown":                          {Outcome{"200", "-", "2", ""}, Rules{}, Bad},
		"gRPC's OK with an HTTP error":            {Outcome{"503", "UC", "0", ""}, Rules{}, Bad},
		"a number that is not gRPC's":             {Outcome{"200", "-", "17", ""}, Rules{}, Bad},
		"a negative number":                       {Outcome{"200", "-", "-1", ""}, Rules{}, Bad},
		"a gRPC status that is no number":         {Outcome{"200", "-", "Fine", ""}, Rules{}, Unclear},
		"nothing reported":                        {Outcome{"", "", "", ""}, Rules{}, Unclear},
		"unknown everywhere":                      {Outcome{"unknown", "unknown", "unknown", ""}, Rules{}, Unclear},
		"an unknown code with our flag":           {Outcome{"unknown", "UH", "", ""}, Rules{}, Bad},
		"a code that is no number":                {Outcome{"fine", "-", "", ""}, Rules{}, Unclear},
		"a folded answer":                         {Outcome{"2xx", "-", "", "http"}, Rules{}, Good},
		"a folded error of the server":            {Outcome{"5XX", "-", "", "http"}, Rules{}, Bad},
		"a folded mistake":                        {Outcome{"4xx", "-", "", "http"}, Rules{}, Good},
		"a folded mistake, if 429 is told apart":  {Outcome{"4xx", "-", "", "http"}, strict, Unclear},
		"a class that is none":                    {Outcome{"7xx", "-", "", "http"}, Rules{}, Unclear},
		"a call whose status is not reported":     {Outcome{"200", "-", "", "grpc"}, Rules{}, Unclear},
		"a folded call without status":            {Outcome{"2xx", "-", "", "grpc"}, Rules{}, Unclear},
		"gRPC-Web that nobody translates":         {Outcome{"200", "-", "", "http"}, Rules{}, Good},
		"gRPC-Web that the reporter translates":   {Outcome{"200", "-", "2", "grpc"}, Rules{}, Bad},
		"a call that was cut off":                 {Outcome{"200", "UR", "", "grpc"}, Rules{}, Bad},
		"a call whose client left":                {Outcome{"200", "DC", "", "grpc"}, Rules{}, Unclear},
		"a call that nobody implements":           {Outcome{"404", "-", "", "grpc"}, Rules{}, Bad},
		"a call without credentials":              {Outcome{"401", "-", "", "grpc"}, Rules{}, Good},
		"a call that failed by HTTP":              {Outcome{"503", "UH", "", "grpc"}, Rules{}, Bad},
		"a call refused by a folded status":       {Outcome{"4xx", "-", "", "grpc"}, Rules{}, Unclear},
		"gRPC's OK without a code":                {Outcome{"", "-", "0", "grpc"}, Rules{}, Good},
		"a code below HTTP's":                     {Outcome{"42", "-", "", ""}, Rules{}, Unclear},
		"a negative code":                         {Outcome{"-5", "-", "", ""}, Rules{}, Unclear},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.rules.Classify(c.outcome); got != c.want {
				t.Errorf("%+v is %s, want %s", c.outcome, got, c.want)
			}
		})
	}
	for _, flag := range failures {
		if got := (Rules{}).Classify(Outcome{Code: "0", Flags: flag}); got != Bad {
			t.Errorf("code 0 with %s is %s, want bad", flag, got)
		}
		if got := (Rules{}).Classify(Outcome{Code: "200", Flags: flag}); got != Bad {
			t.Errorf("an answer that was cut off with %s is %s, want bad", flag, got)
		}
	}
	for status, want := range []Class{Good, Good, Bad, Good, Bad, Good, Good, Good, Bad, Good, Good, Good, Bad, Bad, Bad, Bad, Good} {
		if got := (Rules{}).Classify(Outcome{Code: "200", Flags: "-", GRPC: string(rune('0'+status/10)) + string(rune('0'+status%10))}); got != want {
			t.Errorf("gRPC status %d is %s, want %s", status, got, want)
		}
	}
}

func TestALabelThatIsMissedIsNamed(t *testing.T) {
	strict := Rules{TooManyRequestsIsBad: true}
	cases := map[string]struct {
		outcome Outcome
		rules   Rules
		want    string
	}{
		"an answer":                       {Outcome{Code: "200", Flags: "-"}, Rules{}, ""},
		"no code":                         {Outcome{Flags: "-", Protocol: "http"}, Rules{}, "response_code"},
		"no code, but a failure":          {Outcome{Flags: "UH", Protocol: "http"}, Rules{}, ""},
		"no code, and the client left":    {Outcome{Flags: "DC", Protocol: "http"}, Rules{}, ""},
		"a folded 4xx where 429 is bad":   {Outcome{Code: "4xx", Flags: "-"}, strict, "response_code"},
		"a call without its status":       {Outcome{Code: "200", Flags: "-", Protocol: "grpc"}, Rules{}, "grpc_response_status"},
		"a call whose client left":        {Outcome{Code: "200", Flags: "DC", Protocol: "grpc"}, Rules{}, ""},
		"a call with an odd status":       {Outcome{Code: "200", Flags: "-", GRPC: "Fine", Protocol: "grpc"}, Rules{}, ""},
		"no answer and no flags reported": {Outcome{Code: "0"}, Rules{}, "response_flags"},
		"no answer and no flag":           {Outcome{Code: "0", Flags: "-"}, Rules{}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.rules.Missing(c.outcome); got != c.want {
				t.Errorf("%+v misses %q, want %q", c.outcome, got, c.want)
			}
		})
	}
}

func TestClientErrorsAreToldFromSuccessAndFailure(t *testing.T) {
	cases := map[string]struct {
		outcome Outcome
		want    bool
	}{
		"an answer":                      {Outcome{Code: "200", Flags: "-"}, false},
		"a switch of protocols":          {Outcome{Code: "101", Flags: "-"}, false},
		"a redirect":                     {Outcome{Code: "302", Flags: "-"}, true},
		"nothing new":                    {Outcome{Code: "304", Flags: "-"}, false},
		"no credentials":                 {Outcome{Code: "401", Flags: "-"}, true},
		"not found":                      {Outcome{Code: "404", Flags: "-"}, true},
		"no route":                       {Outcome{Code: "404", Flags: "NR"}, true},
		"too many requests":              {Outcome{Code: "429", Flags: "-"}, true},
		"folded":                         {Outcome{Code: "4xx", Flags: "-"}, true},
		"a failure":                      {Outcome{Code: "503", Flags: "UH"}, false},
		"a client that left":             {Outcome{Code: "0", Flags: "DC"}, false},
		"a call that went well":          {Outcome{Code: "200", Flags: "-", GRPC: "0", Protocol: "grpc"}, false},
		"a call that was cancelled":      {Outcome{Code: "200", Flags: "-", GRPC: "1", Protocol: "grpc"}, false},
		"a call of what is not there":    {Outcome{Code: "200", Flags: "-", GRPC: "5", Protocol: "grpc"}, true},
		"a call without credentials":     {Outcome{Code: "200", Flags: "-", GRPC: "16", Protocol: "grpc"}, true},
		"a call that failed":             {Outcome{Code: "200", Flags: "-", GRPC: "14", Protocol: "grpc"}, false},
		"a call that was refused before": {Outcome{Code: "403", Flags: "-", Protocol: "grpc"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.outcome.ClientError(); got != c.want {
				t.Errorf("%+v is a client error: %t", c.outcome, got)
			}
		})
	}
}

func TestHowRequestsEndedIsCounted(t *testing.T) {
	var got Counts
	for _, o := range []Outcome{
		{Code: "200", Flags: "-"}, {Code: "101", Flags: "-"}, {Code: "404", Flags: "NR"}, {Code: "500", Flags: "-"}, {Code: "0", Flags: "DC"},
		{Code: "200", Flags: "-", GRPC: "0", Protocol: "grpc"}, {Code: "201", Flags: "-"}, {Code: "200", Flags: "UC"},
	} {
		got.Count(Rules{}, o, 2)
	}
	if want := (Counts{Requests: 14, Bad: 4, Unclear: 2, ClientErrors: 2, Upgraded: 2, Plain: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
