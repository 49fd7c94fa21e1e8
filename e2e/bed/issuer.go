package bed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer signs the tokens that clients show to the gateway.
type Issuer struct {
	// Name is what the tokens say in their claim iss. No two issuers may have the same.
	Name string

	key *ecdsa.PrivateKey
}

// NewIssuer is an issuer with a key of its own.
func NewIssuer(name string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of issuer %s: %w", name, err)
	}
	return &Issuer{Name: name, key: key}, nil
}

// Token is a signed token with these claims, good until then.
func (i *Issuer) Token(claims map[string]any, until time.Time) (string, error) {
	all := jwt.MapClaims{"iss": i.Name, "sub": "somebody", "exp": jwt.NewNumericDate(until)}
	maps.Copy(all, claims)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, all)
	token.Header["kid"] = i.Name
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("signing a token of issuer %s: %w", i.Name, err)
	}
	return signed, nil
}

// Bearer is the header by which a client shows a token.
func Bearer(token string) map[string]string {
	return map[string]string{"authorization": "Bearer " + token}
}

// JWKS is the set of keys by which the issuer's tokens are checked.
func (i *Issuer) JWKS() (string, error) {
	point, err := i.key.PublicKey.Bytes() // One byte that says how it is written, and the two coordinates.
	if err != nil {
		return "", fmt.Errorf("writing the key of issuer %s: %w", i.Name, err)
	}
	half := len(point) / 2
	encode := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": i.Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:]),
	}}})
	if err != nil {
		return "", fmt.Errorf("writing the key of issuer %s: %w", i.Name, err)
	}
	return string(set), nil
}

// Authentication is the RequestAuthentication, as YAML, by which the mesh's gateway checks the issuer's tokens and knows their claims. Who shows
// none is let in without claims, and who shows a bad one gets 401. Pods see the token too.
func (i *Issuer) Authentication(name string) (string, error) {
	keys, err := i.JWKS()
	if err != nil {
		return "", err
	}
	object, err := json.Marshal(map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
		"metadata": map[string]string{"name": name, "namespace": "istio-ingress"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]string{"istio": "ingressgateway"}},
			"jwtRules": []any{map[string]any{"issuer": i.Name, "jwks": keys, "forwardOriginalToken": true}},
		},
	})
	if err != nil {
		return "", fmt.Errorf("writing the RequestAuthentication of issuer %s: %w", i.Name, err)
	}
	return string(object), nil
}
