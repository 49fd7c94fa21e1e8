package counting

// Counts is what one arm was asked and how it answered in one slice.
type Counts struct {
	// Requests is how many requests were answered, or failed on our side; whole, 0 or more.
	Requests float64
	// Bad is how many of them count against the version; at most Requests.
	Bad float64
	// Unclear is how many ended in a way that says nothing about the version, such as clients that went away before the
	// answer. They are not in Requests: neither good nor bad.
	Unclear float64
	// Untold is how many of the Unclear ones are so because the label Missing is not reported: nobody knows whether they failed.
	Untold  float64
	Missing string
	// ClientErrors is how many of the Requests were redirects, or mistakes of the caller: see Outcome.ClientError.
	ClientErrors float64
	// Upgraded is how many of the Requests were connections that were upgraded, such as WebSockets. They are counted when they end.
	Upgraded float64
	// Plain is how many of the Requests have no other status than HTTP's 200: what failed within them would not show.
	Plain float64
}

// Count adds n requests that ended so.
func (c *Counts) Count(r Rules, o Outcome, n float64) {
	class := r.Classify(o)
	c.Add(class, n)
	if o.ClientError() {
		c.ClientErrors += n
	}
	switch code, _ := o.code(); {
	case class != Good:
	case code == switchingProtocols:
		c.Upgraded += n
	case o.plain():
		c.Plain += n
	}
	if label := r.Missing(o); label != "" && n > 0 {
		c.Untold, c.Missing = c.Untold+n, label
	}
}

// Add adds requests of a class.
func (c *Counts) Add(class Class, n float64) {
	switch class {
	case Good:
		c.Requests += n
	case Bad:
		c.Requests += n
		c.Bad += n
	case Unclear:
		c.Unclear += n
	}
}
