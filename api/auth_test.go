package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proximity/core"
)

// login logs in with a password and returns the pair of tokens.
func login(t *testing.T, c *client, name string) (access, refresh string) {
	t.Helper()
	p := c.post(t, "/api/auth/login/", map[string]string{"username": name, "password": password}).is(200)
	return p.at("access").(string), p.at("refresh").(string)
}

// bearer is the client with a token.
func (c *client) bearer(token string) *client {
	d := *c
	d.token = token
	return &d
}

// keys are the names of an object's members.
func (p *reply) keys(path ...any) []string {
	p.t.Helper()
	m, _ := p.at(path...).(map[string]any)
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// cookies are those an answer sets, by name.
func (p *reply) cookies() map[string]*http.Cookie {
	set := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		set[c.Name] = c
	}
	return set
}

func TestLogin(t *testing.T) {
	r := rigged(t)
	c := r.client("a script").with("X-Forwarded-For", "192.0.2.10")
	r.owner.send(t, "PATCH", "/api/auth/user/", map[string]string{"email": "Olga@Example.org", "first_name": "Olga"}).is(200, "Olga@Example.org")
	for _, body := range []any{
		map[string]string{"username": "olga", "password": password},
		map[string]string{"email": "olga@example.org", "password": password},
		map[string]string{"username": "OLGA@example.org", "password": password},
	} {
		p := c.post(t, "/api/auth/login", body).is(200)
		if p.at("user", "username") != "olga" || p.at("user", "first_name") != "Olga" {
			t.Errorf("%v logs in as %s", body, p.body)
		}
	}
	c.with("Content-Type", "application/x-www-form-urlencoded").post(t, "/api/auth/login/", "username=olga&password="+strings.ReplaceAll(password, " ", "+")).is(200, `"access"`)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("username", "olga")
	_ = w.WriteField("password", password)
	_ = w.Close() // into memory
	c.with("Content-Type", w.FormDataContentType()).post(t, "/api/auth/login/", form.String()).is(200, `"access"`)

	p := c.post(t, "/api/auth/login/", map[string]string{"username": "admin", "password": password}).is(200)
	if got := p.keys(); fmt.Sprint(got) != "[access refresh user]" {
		t.Errorf("login answers %v", got)
	}
	for _, want := range []string{"pk", "id", "username", "email", "first_name", "last_name", "is_staff"} {
		if !slices.Contains(p.keys("user"), want) {
			t.Errorf("the user has no %s", want)
		}
	}
	if p.at("user", "pk") != p.at("user", "id") || p.at("user", "is_staff") != true {
		t.Errorf("the admin is %s", p.body)
	}
	claims := claimsOf(t, p.at("access").(string))
	if claims["token_type"] != "access" || claims["user_id"] != fmt.Sprint(p.at("user", "pk")) || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("claims %v", claims)
	}
	if claims := claimsOf(t, p.at("refresh").(string)); claims["token_type"] != "refresh" || claims["exp"].(float64)-claims["iat"].(float64) != 7*24*3600 {
		t.Errorf("claims %v", claims)
	}
	for name, age := range map[string]int{accessCookie: 3600, refreshCookie: 7 * 24 * 3600} {
		k := p.cookies()[name]
		if k == nil || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.MaxAge < age-5 || k.MaxAge > age {
			t.Errorf("cookie %s is %+v", name, k)
		}
	}
}

// Where TLS ends at a proxy on this machine, the browser's cookies are for TLS
// alone, too; nobody else is believed.
func TestCookiesBehindAProxyThatEndsTLS(t *testing.T) {
	r := rigged(t)
	for proto, secure := range map[string]bool{"https": true, "http": false, "": false} {
		p := r.client("a browser").with("X-Forwarded-For", "192.0.2.14").with("X-Forwarded-Proto", proto).post(t, "/api/auth/login/", map[string]string{"username": "olga", "password": password}).is(200)
		for _, name := range []string{accessCookie, refreshCookie, csrfCookie} {
			if k := p.cookies()[name]; k == nil || k.Secure != secure {
				t.Errorf("%s by %q is %+v", name, proto, k)
			}
		}
	}
	far := httptest.NewRequest(http.MethodGet, "/api/health", nil) // from 192.0.2.1
	far.Header.Set("X-Forwarded-Proto", "https")
	w := httptest.NewRecorder()
	r.server.http.Handler.ServeHTTP(w, far)
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Secure {
		t.Errorf("a stranger is believed: %v", c)
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	head, _ := base64.RawURLEncoding.DecodeString(parts[0])
	if !strings.Contains(string(head), `"HS256"`) {
		t.Errorf("header %s", head)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestLoginSaysWhatIsWrong(t *testing.T) {
	r := rigged(t)
	c := r.client("a script").with("X-Forwarded-For", "192.0.2.11")
	unable := `"non_field_errors":["Unable to log in with provided credentials."]`
	for _, k := range []struct {
		body any
		want string
	}{
		{map[string]string{"username": "olga", "password": "wrong password"}, unable},
		{map[string]string{"username": "nobody", "password": password}, unable},
		{map[string]string{"username": "olga"}, `"password":["This field is required."]`},
		{map[string]string{"username": "", "password": password}, `Must include \"username\" and \"password\".`},
		{map[string]string{"password": password}, `Must include`},
		{map[string]any{"username": "olga", "password": 7}, `"password":["Expected string."]`},
		{nil, `"password":["This field is required."]`},
		{"{", `"detail":"Cannot parse request body"`},
		{"[]", `"detail":`},
	} {
		p := c.post(t, "/api/auth/login/", k.body).is(400, k.want)
		if d, ok := p.at("detail").(string); !ok || d == "" {
			t.Errorf("no plain detail in %s", p.body)
		}
	}
	c.get(t, "/api/auth/login/").is(405)
	c.get(t, "/api/auth/logout").is(405)
}

// A stale cookie made even the login fail once.
func TestStaleCookiesDoNotKeepPeopleOut(t *testing.T) {
	r := rigged(t)
	c := r.client("a browser").with("Cookie", accessCookie+"=stale; "+refreshCookie+"=stale").with("X-Forwarded-For", "192.0.2.12")
	login(t, c, "olga")
	c.post(t, "/api/auth/logout/", nil).is(200)
	c.post(t, "/api/auth/token/refresh/", nil).is(401, `"code":"token_not_valid"`, "Token is invalid")
	c.get(t, "/api/apps").is(401, `"detail":"Unauthorized"`)
}

func TestTokensRotateAndCanBeTakenBack(t *testing.T) {
	r := rigged(t)
	c := r.client("a script").with("X-Forwarded-For", "192.0.2.13")
	access, first := login(t, c, "olga")
	c.bearer(access).get(t, "/api/auth/user/").is(200, `"username":"olga"`)
	c.bearer(first).get(t, "/api/auth/user/").is(401, `"code":"token_not_valid"`, `"token_class":"AccessToken"`)
	c.bearer(first).get(t, "/api/apps/").is(401, "Unauthorized")
	c.post(t, "/api/auth/token/refresh/", map[string]string{"refresh": access}).is(401, "Token is invalid")
	c.post(t, "/api/auth/token/refresh/", map[string]string{}).is(401, "No valid refresh token found.")

	p := c.post(t, "/api/auth/token/refresh", map[string]string{"refresh": first}).is(200)
	second := p.at("refresh").(string)
	if got := fmt.Sprint(p.keys()); got != "[access access_expiration refresh refresh_expiration]" || p.cookies()[accessCookie] == nil || p.cookies()[refreshCookie] == nil {
		t.Errorf("refresh answers %s with %v", got, p.cookies())
	}
	if until, err := time.Parse(time.RFC3339, p.at("refresh_expiration").(string)); err != nil || until.Before(time.Now().Add(6*24*time.Hour)) {
		t.Errorf("expires at %v, %v", until, err)
	}
	c.post(t, "/api/auth/token/refresh/", map[string]string{"refresh": first}).is(401, "Token is invalid")
	newer := p.at("access").(string)
	c.bearer(newer).get(t, "/api/apps/").is(200)

	// The body wins over the cookie.
	p = c.with("Cookie", refreshCookie+"=stale").post(t, "/api/auth/token/refresh/", map[string]string{"refresh": second}).is(200)
	third := p.at("refresh").(string)
	c.with("Cookie", refreshCookie+"="+third).post(t, "/api/auth/token/refresh/", nil).is(200)

	out := c.bearer(newer).post(t, "/api/auth/logout/", nil).is(200, "Successfully logged out.")
	for _, name := range []string{accessCookie, refreshCookie} {
		if k := out.cookies()[name]; k == nil || k.MaxAge >= 0 {
			t.Errorf("logout leaves the cookie %s: %v", name, k)
		}
	}
	if out.cookies()[csrfCookie] != nil && out.cookies()[csrfCookie].MaxAge < 0 {
		t.Error("logout takes the CSRF cookie away")
	}
	c.bearer(newer).get(t, "/api/apps/").is(401)
	c.bearer(access).get(t, "/api/apps/").is(401)
	c.post(t, "/api/auth/token/refresh/", map[string]string{"refresh": third}).is(401)
	c.bearer(newer).post(t, "/api/auth/logout/", nil).is(200)
}

// Two tabs of a browser refresh at once: one of them gets the new pair, and
// the login goes on.
func TestManyRefreshAtOnce(t *testing.T) {
	r := rigged(t)
	c := r.client("a script").with("X-Forwarded-For", "192.0.2.15")
	_, refresh := login(t, c, "olga")
	replies := make([]*reply, 8)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			replies[i] = c.post(t, "/api/auth/token/refresh/", map[string]string{"refresh": refresh})
		})
	}
	wg.Wait()
	var won []*reply
	for _, p := range replies {
		if p.status == http.StatusOK {
			won = append(won, p)
		} else {
			p.is(401, `"code":"token_not_valid"`)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%d got new tokens", len(won))
	}
	c.bearer(won[0].at("access").(string)).get(t, "/api/auth/user").is(200)
	c.post(t, "/api/auth/token/refresh/", map[string]any{"refresh": won[0].at("refresh")}).is(200)
}

func TestForgedTokensAreRefused(t *testing.T) {
	r := rigged(t)
	c := r.client("a stranger")
	parts := strings.Split(r.owner.token, ".")
	enc := base64.RawURLEncoding.EncodeToString
	none := enc([]byte(`{"alg":"none","typ":"JWT"}`))
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	mine := claimsOf(t, r.owner.token)["user_id"].(string)
	admin := enc([]byte(strings.Replace(string(claims), `"user_id":"`+mine+`"`, `"user_id":"1"`, 1)))
	for _, token := range []string{
		none + "." + parts[1] + ".", none + "." + parts[1] + "." + parts[2], parts[0] + "." + admin + "." + parts[2], parts[0] + "." + parts[1] + "." + parts[2][:20],
		"", "x", "px_", "px_" + strings.Repeat("a", 40), strings.Repeat("e", 9000),
	} {
		c.with("Authorization", "Bearer "+token).get(t, "/api/apps/").is(401, "Unauthorized")
	}
	c.with("Authorization", "Basic b2xnYTpwYXNz").get(t, "/api/apps/").is(401)
	// The header wins over the cookie, whatever is in it.
	c.with("Authorization", "Bearer x").with("Cookie", accessCookie+"="+r.owner.token).get(t, "/api/apps/").is(401)
	c.with("Cookie", accessCookie+"="+r.owner.token).get(t, "/api/apps/").is(200)
}

func TestPersonalTokens(t *testing.T) {
	r := rigged(t)
	olga := core.Actor{User: "olga", Role: core.RoleUser, Via: core.ViaSSH}
	made := func(scope core.Scope, life time.Duration) (core.TokenView, *client) {
		v, err := r.core.CreateToken(t.Context(), olga, "for a test", scope, life)
		if err != nil {
			t.Fatal(err)
		}
		return v, r.client("a script of olga's").bearer(v.Secret)
	}
	_, read := made(core.ScopeRead, 0)
	read.get(t, "/api/apps/"+r.app.ID).is(200)
	read.post(t, "/api/apps/"+r.app.ID+"/action", map[string]string{"action": "restart"}).is(403, "a token of scope read")
	read.send(t, "PATCH", "/api/auth/user", map[string]string{"first_name": "x"}).is(403, "scope")

	v, write := made(core.ScopeWrite, time.Hour)
	write.post(t, "/api/apps/"+r.app.ID+"/action", map[string]string{"action": "start"}).is(409, "already running") // allowed, but for that
	write.send(t, "PATCH", "/api/auth/user", map[string]string{"first_name": "x"}).is(403)
	if list, _ := r.core.Tokens(t.Context(), olga); !slices.ContainsFunc(list, func(x core.TokenView) bool { return x.ID == v.ID && !x.LastUsed.IsZero() && x.Secret == "" }) {
		t.Errorf("its use is not noted: %+v", list)
	}
	if err := r.core.RevokeToken(t.Context(), olga, v.ID); err != nil {
		t.Fatal(err)
	}
	write.get(t, "/api/apps/").is(401)

	_, all := made(core.ScopeAdmin, 0)
	all.send(t, "PATCH", "/api/auth/user", map[string]string{"last_name": "Ost"}).is(200, "Ost")
	all.get(t, "/api/proxmox/nodes").is(403) // a wide token of somebody who may not is worth no more

	boss, err := r.core.CreateToken(t.Context(), core.Actor{User: "admin", Role: core.RoleAdmin, Via: core.ViaSSH}, "reads", core.ScopeRead, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader := r.client("a script").bearer(boss.Secret)
	reader.post(t, "/api/core/settings/resources", map[string]int{}).is(403, `"detail":"a token of scope read`, `"error":"a token of scope read`)
	reader.get(t, "/api/proxmox/nodes").is(200) // what an admin alone may see is seen, not changed
	reader.post(t, fmt.Sprintf("/api/proxmox/hosts/%d/sync-nodes", r.host.ID), nil).is(403, "scope read")
}

func TestWhoOneIs(t *testing.T) {
	r := rigged(t)
	r.client("nobody").get(t, "/api/auth/user/").is(401, "Authentication credentials were not provided.")
	r.viewer.get(t, "/api/auth/user/").is(200, `"username":"vera"`, `"is_staff":false`)
	r.viewer.send(t, "PUT", "/api/auth/user/", map[string]string{"email": "vera@example.org", "first_name": "Vera", "last_name": "V."}).is(200, "vera@example.org")
	r.viewer.send(t, "PATCH", "/api/auth/user/", map[string]string{"email": "not an address"}).is(400, `"email":[`)
	r.other.send(t, "PATCH", "/api/auth/user/", map[string]string{"email": "VERA@example.org"}).is(400, "already exists")
	r.viewer.send(t, "PATCH", "/api/auth/user/", map[string]string{"first_name": "\x1b[31mred"}).is(400, `"first_name":[`)
}

func TestRegistration(t *testing.T) {
	r := rigged(t)
	c := r.client("a newcomer").with("X-Forwarded-For", "192.0.2.20")
	p := c.post(t, "/api/auth/registration/", map[string]string{"username": "Nina.New+1", "email": "nina@example.org", "password1": password, "password2": password}).is(201)
	if p.at("user", "is_staff") != false || p.at("user", "username") != "Nina.New+1" || p.cookies()[accessCookie] == nil || p.cookies()[csrfCookie] == nil {
		t.Errorf("registered as %s with %v", p.body, p.cookies())
	}
	c.bearer(p.at("access").(string)).get(t, "/api/apps/").is(200, `"total":0`)
	c.post(t, "/api/auth/registration", map[string]string{"username": "noah", "email": "noah@example.org", "password": password}).is(201) // as the web page sends it
	for _, k := range []struct {
		body map[string]string
		want string
	}{
		{map[string]string{"username": "noah", "password1": password}, `"username":["A user with that username already exists.`},
		{map[string]string{"username": "NOAH", "password1": password}, `"username":[`},
		{map[string]string{"username": "a/b", "password1": password}, `"username":["Enter a valid username.`},
		{map[string]string{"username": strings.Repeat("n", 151), "password1": password}, `"username":[`},
		{map[string]string{"password1": password}, `"username":["This field is required."]`},
		{map[string]string{"username": "nick"}, `"password1":["This field is required."]`},
		{map[string]string{"username": "nick", "email": "nick", "password1": password}, `"email":["Enter a valid email address.`},
		{map[string]string{"username": "nick", "email": "noah@example.org", "password1": password}, `"email":[`},
		{map[string]string{"username": "nick", "password1": "short"}, `too short`},
		{map[string]string{"username": "nick", "password1": "1234567890"}, `entirely numeric`},
		{map[string]string{"username": "nick", "password1": "Password123"}, `too common`},
		{map[string]string{"username": "nickname", "password1": "nickname77"}, `"non_field_errors":["The password is too similar to the name or the e-mail address."]`},
		{map[string]string{"username": "nick", "email": "nickelback@example.org", "password1": "nickelback7"}, `"non_field_errors":["The password is too similar`},
		{map[string]string{"username": "nick", "password1": password, "password2": "something else"}, `"non_field_errors":["The two password fields didn't match."]`},
	} {
		p := c.post(t, "/api/auth/registration/", k.body).is(400, k.want)
		if d, ok := p.at("detail").(string); !ok || d == "" {
			t.Errorf("no plain detail in %s", p.body)
		}
	}
}

// plain is a server on a core without hosts, in another mode of registration.
func plain(t *testing.T, mode core.Registration, o Options) *rig {
	t.Helper()
	c, err := core.Open(core.Config{Data: t.TempDir(), Registration: mode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	o.Core = c
	r := &rig{core: c}
	r.server, _ = start(t, o)
	if r.doc, err = readDocument(r.server.URL()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheFirstToRegisterBecomesAdmin(t *testing.T) {
	t.Parallel()
	r := plain(t, core.RegistrationFirst, Options{})
	c := r.client("the first")
	c.post(t, "/api/auth/registration/", map[string]string{"username": "first", "password1": password}).is(201, `"is_staff":true`)
	r.client("the second").post(t, "/api/auth/registration/", map[string]string{"username": "second", "password1": password}).is(403, "there is an admin already")

	r = plain(t, core.RegistrationFirst, Options{})
	if err := r.core.AddUser(t.Context(), core.LocalAdmin("test"), "ssh-admin", core.RoleAdmin, nil); err != nil {
		t.Fatal(err)
	}
	r.client("too late").post(t, "/api/auth/registration/", map[string]string{"username": "first", "password1": password}).is(403)

	r = plain(t, core.RegistrationClosed, Options{})
	r.client("anybody").post(t, "/api/auth/registration/", map[string]string{"username": "first", "password1": password}).is(403, "registration is closed")
}

func TestGuessingIsSlow(t *testing.T) {
	r := rigged(t)
	guess := func(from, name string) *reply {
		return r.client("a guesser").with("X-Forwarded-For", from).post(t, "/api/auth/login/", map[string]string{"username": name, "password": "a wrong guess"})
	}
	// One account, from ever new addresses.
	for i := range 10 {
		guess(fmt.Sprintf("198.51.100.%d", i), "vera").is(400)
	}
	p := guess("198.51.100.200", "vera").is(429, "too many failed logins to this account")
	if wait := p.header.Get("Retry-After"); wait == "" || wait == "0" {
		t.Errorf("Retry-After is %q", wait)
	}
	// One address, ever new accounts; an IPv6 customer has a whole /64.
	for i := range 20 {
		guess(fmt.Sprintf("2001:db8::%d", i+1), fmt.Sprintf("user-%d", i)).is(400)
	}
	guess("2001:db8::9999", "otto").is(429, "from your address")
	guess("2001:db8:0:1::1", "otto").is(400)
	// Who gets in is not counted.
	for range 25 {
		login(t, r.client("olga").with("X-Forwarded-For", "198.51.100.77"), "olga")
	}
}
