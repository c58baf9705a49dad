package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrToken is returned for a token that this installation has not signed, or that is not valid yet.
	ErrToken = errors.New("the token is not valid")
	// ErrTokenExpired is returned for a token of ours whose time is over.
	ErrTokenExpired = errors.New("the token has expired")
)

// SignToken returns the claims as a signed token (JWT, HS256). The claim "exp" (Unix seconds) is required: a token
// without an end could never be taken back. The key is derived from seal.key and kept nowhere else.
func (r *Ring) SignToken(claims map[string]any) (string, error) {
	plain, err := asJSON(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	if exp, err := plain.GetExpirationTime(); err != nil || exp == nil {
		return "", errors.New(`sign token: the claim "exp" must be a number of Unix seconds`)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, plain).SignedString(r.token)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// asJSON returns the claims as a reader of the token will see them; jwt does not know Go's integers.
func asJSON(claims map[string]any) (jwt.MapClaims, error) {
	data, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	var plain jwt.MapClaims
	return plain, json.Unmarshal(data, &plain)
}

// VerifyToken returns the claims of a token that SignToken made and that is valid now (exp, nbf, iat), or
// ErrToken or ErrTokenExpired. Numbers in the claims are float64.
func (r *Ring) VerifyToken(token string, now time.Time) (map[string]any, error) {
	claims, err := r.parse(token, jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, ErrTokenExpired
	case err != nil:
		return nil, ErrToken
	}
	return claims, nil
}

// PastToken returns the claims of a token that SignToken made, even if its time is over, or ErrToken. It proves nothing
// but that: it is for ending what the token once began.
func (r *Ring) PastToken(token string) (map[string]any, error) {
	claims, err := r.parse(token, jwt.WithoutClaimsValidation())
	if err != nil {
		return nil, ErrToken
	}
	return claims, nil
}

func (r *Ring) parse(token string, checks ...jwt.ParserOption) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return r.token, nil },
		append(checks, jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}))...)
	return claims, err
}
