package bed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"sigs.k8s.io/yaml"
)

func issuer(t *testing.T, name string) *Issuer {
	t.Helper()
	i, err := NewIssuer(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// published reads the issuer and the key that the gateway is told.
func published(t *testing.T, i *Issuer) (string, *ecdsa.PublicKey) {
	t.Helper()
	text, err := i.Authentication("tokens")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec struct {
			JWTRules []struct{ Issuer, JWKS string } `json:"jwtRules"`
		}
	}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil || len(object.Spec.JWTRules) != 1 {
		t.Fatalf("%v:\n%s", err, text)
	}
	rule := object.Spec.JWTRules[0]
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(rule.JWKS), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v:\n%s", err, rule.JWKS)
	}
	point := []byte{4}
	for _, half := range []string{"x", "y"} {
		data, err := base64.RawURLEncoding.DecodeString(set.Keys[0][half])
		if err != nil || len(data) != 32 {
			t.Fatalf("%s is %d bytes, want 32: %v", half, len(data), err)
		}
		point = append(point, data...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return rule.Issuer, key
}

func TestTokensAreGoodByThePublishedKeyAlone(t *testing.T) {
	now := time.Now()
	us, others := issuer(t, "https://us.example.com"), issuer(t, "https://us.example.com")
	cases := map[string]struct {
		by     *Issuer
		claims map[string]any
		at     time.Time
		good   bool
	}{
		"good":                  {us, map[string]any{"channel": "early"}, now, true},
		"without more claims":   {us, nil, now, true},
		"too late":              {us, nil, now.Add(2 * time.Hour), false},
		"of another issuer":     {us, map[string]any{"iss": "https://them.example.com"}, now, false},
		"signed by another key": {others, map[string]any{"channel": "early"}, now, false},
	}
	name, key := published(t, us)
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			token, err := c.by.Token(c.claims, now.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			claims := jwt.MapClaims{}
			_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil },
				jwt.WithIssuer(name), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return c.at }))
			if (err == nil) != c.good {
				t.Errorf("error %v, want a good token: %v", err, c.good)
			}
			for name, want := range c.claims {
				if claims[name] != want {
					t.Errorf("claim %s is %v, want %v", name, claims[name], want)
				}
			}
		})
	}
}

// The header of a token is a value in a command line, so nothing in it may be taken for something else there.
func TestATokenIsAnArgumentOfTheLoad(t *testing.T) {
	token, err := issuer(t, "https://us.example.com").Token(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	got := Cohort{Name: "early", Share: 0.125, Headers: map[string]string{"x-a": "1", "authorization": Bearer(token)["authorization"]}}.arguments()
	want := []string{"--cohort", "early=0.125", "--cohort-header", "early:authorization=Bearer " + token, "--cohort-header", "early:x-a=1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
