package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
	"proximity/keys"
)

// userBody is a user as the earlier project's clients know one.
type userBody struct {
	PK        uint64 `json:"pk"`
	ID        uint64 `json:"id"`
	Username  string `json:"username"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Staff     bool   `json:"is_staff" doc:"an admin"`
	Role      string `json:"role"`
}

func userOf(v core.UserView) userBody {
	return userBody{v.ID, v.ID, v.Name, v.Email, v.FirstName, v.LastName, v.Role == core.RoleAdmin, string(v.Role)}
}

// loggedIn answers a login and a registration.
type loggedIn struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Access  string   `json:"access" doc:"for 60 minutes, in the header Authorization: Bearer"`
		Refresh string   `json:"refresh" doc:"for 7 days, once"`
		User    userBody `json:"user"`
	}
}

// loggedOut answers a logout.
type loggedOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      detail
}

type detail struct {
	Detail string `json:"detail"`
}

// credentials are what people log in with.
type credentials struct {
	Username *string `json:"username,omitempty" doc:"or the e-mail address"`
	Email    *string `json:"email,omitempty"`
	Password *string `json:"password,omitempty"`
}

// newAccount is what people ask for who have none.
type newAccount struct {
	Username  *string `json:"username,omitempty" doc:"at most 150 letters, digits and . _ - @ +"`
	Email     string  `json:"email,omitempty"`
	Password1 *string `json:"password1,omitempty" doc:"at least 8 characters"`
	Password  *string `json:"password,omitempty" doc:"the same as password1"`
	Password2 *string `json:"password2,omitempty" doc:"once more"`
}

// profile is what people say of themselves; what is not sent stays.
type profile struct {
	Email     *string `json:"email,omitempty"`
	FirstName *string `json:"first_name,omitempty"`
	LastName  *string `json:"last_name,omitempty"`
}

func (s *Server) authRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodPost, path: "/api/auth/login", summary: "Log in with a password", form: true, errors: []int{429}}, s.login)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/auth/logout", summary: "Log out: the tokens are worth nothing any more"}, s.logout)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/auth/registration", summary: "Make an account, where that is open", status: http.StatusCreated, form: true, errors: []int{403, 429}}, s.register)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/auth/user", summary: "Who you are", entry: person}, s.user)
	route(s, api, endpoint{method: http.MethodPut, path: "/api/auth/user", summary: "Change your e-mail address and names", entry: person}, s.setUser)
	route(s, api, endpoint{method: http.MethodPatch, path: "/api/auth/user", summary: "Change some of your e-mail address and names", entry: person}, s.setUser)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/auth/token/refresh", summary: "New tokens for a refresh token", form: true, errors: []int{401}}, s.refresh)
}

// required are the fields that must be there, in the words of dj-rest-auth.
func required(fields map[string]*string) *failure {
	lists := map[string][]string{}
	for name, value := range fields {
		switch {
		case value == nil:
			lists[name] = []string{"This field is required."}
		case *value == "":
			lists[name] = []string{"This field may not be blank."}
		}
	}
	if len(lists) == 0 {
		return nil
	}
	return fieldErrors(lists)
}

// noField is the list of what is wrong with no field in particular.
const noField = "non_field_errors"

// fieldErrors is a 400 with a list for each field, and one text for clients
// that read no lists.
func fieldErrors(lists map[string][]string) *failure {
	var texts []string
	f := fail(http.StatusBadRequest, "")
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		f.with(name, lists[name])
		for _, text := range lists[name] {
			if name != noField && (strings.HasPrefix(text, "This field ") || strings.HasPrefix(text, "Expected ")) {
				text = name + ": " + text
			}
			texts = append(texts, text)
		}
	}
	return f.with("detail", strings.Join(texts, " "))
}

// accountFailure says what is wrong with an account in such lists.
func accountFailure(err error) error {
	var e *core.Error
	if errors.As(err, &e) && (errors.Is(err, core.ErrInvalid) || errors.Is(err, core.ErrConflict)) {
		return fieldErrors(map[string][]string{cmp.Or(e.Field, noField): {sentence(e.Text)}})
	}
	return err
}

func (s *Server) login(ctx context.Context, _ core.Actor, in *struct{ Body *credentials }) (*loggedIn, error) {
	b := given(in.Body)
	if b.Password == nil || *b.Password == "" {
		return nil, required(map[string]*string{"password": b.Password})
	}
	name := b.Username
	if name == nil || *name == "" {
		name = b.Email
	}
	if name == nil || *name == "" {
		return nil, fieldErrors(map[string][]string{noField: {`Must include "username" and "password".`}})
	}
	a, user, err := s.core.LoginPassword(ctx, note(ctx).client, *name, *b.Password)
	if errors.Is(err, core.ErrDenied) {
		return nil, fieldErrors(map[string][]string{noField: {"Unable to log in with provided credentials."}})
	}
	if err != nil {
		return nil, err
	}
	return s.open(ctx, a, user)
}

// given is a body, or an empty one where there is none.
func given[T any](body *T) T {
	if body == nil {
		body = new(T)
	}
	return *body
}

// open starts a login of somebody who has proved who they are.
func (s *Server) open(ctx context.Context, a core.Actor, user core.UserView) (*loggedIn, error) {
	t, err := s.core.StartLogin(ctx, a)
	if err != nil {
		return nil, err
	}
	out := &loggedIn{SetCookie: s.loginCookies(ctx, t)}
	out.Body.Access, out.Body.Refresh, out.Body.User = t.Access, t.Refresh, userOf(user)
	return out, nil
}

func (s *Server) logout(ctx context.Context, _ core.Actor, in *struct {
	Authorization string `header:"Authorization"`
	Access        string `cookie:"proximity-auth-cookie"`
	Refresh       string `cookie:"proximity-refresh-cookie"`
}) (*loggedOut, error) {
	_, bearer, _ := strings.Cut(in.Authorization, " ")
	for _, token := range []string{bearer, in.Access, in.Refresh} {
		if token != "" {
			s.core.EndLogin(ctx, note(ctx).client, token)
		}
	}
	return &loggedOut{[]http.Cookie{s.cookie(ctx, accessCookie, "", 0), s.cookie(ctx, refreshCookie, "", 0)}, detail{"Successfully logged out."}}, nil
}

func (s *Server) register(ctx context.Context, _ core.Actor, in *struct{ Body *newAccount }) (*loggedIn, error) {
	b := given(in.Body)
	if b.Password1 == nil {
		b.Password1 = b.Password
	}
	if f := required(map[string]*string{"username": b.Username, "password1": b.Password1}); f != nil {
		return nil, f
	}
	if b.Password2 != nil && *b.Password2 != *b.Password1 {
		return nil, fieldErrors(map[string][]string{noField: {"The two password fields didn't match."}})
	}
	a, user, err := s.core.Register(ctx, note(ctx).client, core.RegisterRequest{Name: *b.Username, Email: b.Email, Password: *b.Password1})
	if err != nil {
		return nil, accountFailure(err)
	}
	return s.open(ctx, a, user)
}

func (s *Server) user(ctx context.Context, a core.Actor, _ *struct{}) (*struct{ Body userBody }, error) {
	v, err := s.core.User(ctx, a, a.User)
	if err != nil {
		return nil, err
	}
	return &struct{ Body userBody }{userOf(v)}, nil
}

func (s *Server) setUser(ctx context.Context, a core.Actor, in *struct{ Body profile }) (*struct{ Body userBody }, error) {
	v, err := s.core.User(ctx, a, a.User)
	if err != nil {
		return nil, err
	}
	p := core.Profile{Email: v.Email, FirstName: v.FirstName, LastName: v.LastName}
	for to, from := range map[*string]*string{&p.Email: in.Body.Email, &p.FirstName: in.Body.FirstName, &p.LastName: in.Body.LastName} {
		if from != nil {
			*to = *from
		}
	}
	v, err = s.core.SetProfile(ctx, a, a.User, p)
	if err != nil {
		return nil, accountFailure(err)
	}
	return &struct{ Body userBody }{userOf(v)}, nil
}

type refreshToken struct {
	Refresh string `json:"refresh,omitempty" doc:"absent: that of the cookie"`
}

// refreshed is a new pair of tokens.
type refreshed struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Access         string    `json:"access"`
		Refresh        string    `json:"refresh"`
		AccessExpires  time.Time `json:"access_expiration"`
		RefreshExpires time.Time `json:"refresh_expiration"`
	}
}

func (s *Server) refresh(ctx context.Context, _ core.Actor, in *struct {
	Cookie string `cookie:"proximity-refresh-cookie"`
	Body   *refreshToken
}) (*refreshed, error) {
	token := in.Cookie
	if in.Body != nil && in.Body.Refresh != "" {
		token = in.Body.Refresh
	}
	if token == "" {
		return nil, fail(http.StatusUnauthorized, "No valid refresh token found.").with("code", "token_not_valid")
	}
	t, err := s.core.RefreshLogin(ctx, note(ctx).client, token)
	if errors.Is(err, keys.ErrTokenExpired) {
		return nil, fail(http.StatusUnauthorized, "Token is expired").with("code", "token_not_valid")
	}
	if errors.Is(err, core.ErrDenied) {
		return nil, fail(http.StatusUnauthorized, "Token is invalid").with("code", "token_not_valid")
	}
	if err != nil {
		return nil, err
	}
	out := &refreshed{SetCookie: s.loginCookies(ctx, t)}
	out.Body.Access, out.Body.Refresh, out.Body.AccessExpires, out.Body.RefreshExpires = t.Access, t.Refresh, t.AccessExpires, t.RefreshExpires
	return out, nil
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:] + "."
}
