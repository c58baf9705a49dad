package machine

import (
	"strings"
	"testing"
)

// TestScripts holds the shell and the everyday commands to what sh, BusyBox and debian's tools print.
func TestScripts(t *testing.T) {
	alpine, debian := boot(t, Options{Hostname: "a", OS: "alpine"}), boot(t, Options{Hostname: "d", OS: "debian"})
	for name, tc := range map[string]struct {
		script, want string
		code         int
		debian       bool
	}{
		"last line without newline":       {script: "echo a", want: "a\n"},
		"set -e stops":                    {script: "set -e\nfalse\necho no", code: 1},
		"set -e spares conditions":        {script: "set -e\nif false; then :; fi\nfalse || true\n! true\necho yes", want: "yes\n"},
		"set -e in a function":            {script: "set -e\nf() { false; echo no; }\nf\necho no", code: 1},
		"set -e and command substitution": {script: "set -e\nx=$(false)\necho no", code: 1},
		"set -u":                          {script: "set -u\necho $NOPE\necho no", want: "sh: NOPE: parameter not set\n", code: 2},
		"required parameter":              {script: ": ${X:?give it}\necho no", want: "sh: X: give it\n", code: 2},
		"pipefail in ash":                 {script: "set -o pipefail\nfalse | true", code: 1},
		"no pipefail in dash":             {script: "set -o pipefail\necho no", want: "sh: 1: set: Illegal option -o pipefail\n", code: 2, debian: true},
		"not found in ash":                {script: "nope", want: "sh: nope: not found\n", code: 127},
		"not found in dash":               {script: "true\nnope", want: "sh: 2: nope: not found\n", code: 127, debian: true},
		"no permission":                   {script: "echo x > /root/f; /root/f", want: "sh: /root/f: Permission denied\n", code: 126},
		"docker is not there":             {script: "docker ps", want: "sh: docker: not found\n", code: 127},
		"unwritable place":                {script: "echo x > /nope/x", want: "sh: can't create /nope/x: nonexistent directory\n", code: 1},
		"redirections":                    {script: "{ echo o; echo e >&2; } > /root/o 2>&1; cat /root/o; echo x 2>/dev/null >&2", want: "o\ne\n"},
		"high descriptors":                {script: "exec 3>/root/three\necho hi >&3\nexec 3>&-\ncat /root/three", want: "hi\n"},
		"here-documents":                  {script: "X=1\ncat <<A\n$X $((X+1))\nA\ncat <<'B'\n$X\nB\ncat <<-C\n\ttab\nC\n", want: "1 2\n$X\ntab\n"},
		"subshell keeps its changes":      {script: "x=1; (x=2; cd /tmp); echo $x $PWD", want: "1 /root\n"},
		"loops":                           {script: "for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done; n=0; while [ $n -lt 2 ]; do n=$((n+1)); done; echo $n; until true; do :; done", want: "1\n3\n2\n"},
		"case":                            {script: `case "$(uname -s)" in Lin*) echo linux;; *) echo other;; esac`, want: "linux\n"},
		"functions and locals":            {script: "x=o; f() { local x=$1; echo $x $#; return 3; }; f a b; echo $? $x", want: "a 2\n3 o\n"},
		"exit trap":                       {script: "trap 'echo bye' EXIT\necho hi\nexit 4", want: "hi\nbye\n", code: 4},
		"term trap":                       {script: "trap 'echo caught; exit 9' TERM\nkill -TERM $$\necho no", want: "caught\n", code: 9},
		"background and wait":             {script: "sleep 0.1 & p=$!\nkill -0 $p && echo alive\nwait $p; echo $?", want: "alive\n0\n"},
		"killed child":                    {script: "sleep 1000 & kill -9 $!; wait $!; echo $?", want: "137\n"},
		"read":                            {script: "printf 'a b c\\n' | { read x y; echo \"$y,$x\"; }; while IFS=: read -r u _; do echo $u; done < /etc/group | head -2", want: "b c,a\nroot\ndaemon\n"},
		"getopts":                         {script: "set -- -a -b v rest\nwhile getopts ab: o; do echo $o $OPTARG; done\nshift $((OPTIND-1)); echo $1", want: "a\nb v\nrest\n"},
		"glob":                            {script: "mkdir /tmp/g; touch /tmp/g/b.x /tmp/g/a.x /tmp/g/c.y; echo /tmp/g/*.x; cd /tmp/g; echo *; echo *.none", want: "/tmp/g/a.x /tmp/g/b.x\na.x b.x c.y\n*.none\n"},
		"eval and quotes":                 {script: `v='a b'; eval "echo \"$v\" 'c  d'"`, want: "a b c  d\n"},
		"command -v":                      {script: "command -v docker || echo none; command -v cat; command -v cd", want: "none\n/bin/cat\ncd\n"},
		"printf":                          {script: `printf '%s=%03d\n' a 7 b 8; printf '%b' 'x\ny\n'; printf '%%\n'`, want: "a=007\nb=008\nx\ny\n%\n"},
		"sed":                             {script: "printf 'a=1\\nb=2\\n#c\\n' > /tmp/s; sed -i 's/^a=.*/a=9/; /^#/d' /tmp/s; sed -n '$p' /tmp/s; sed 's/\\([a-z]\\)=\\(.\\)/\\2\\1/g' /tmp/s; sed -E 's/(.)=(.)/\\2&/' /tmp/s; sed '1a x' /tmp/s", want: "b=2\n9a\n2b\n9a=9\n2b=2\na=9\nx\nb=2\n"},
		"grep":                            {script: "printf 'one\\ntwo\\nthree\\n' > /tmp/g1; grep -c t /tmp/g1; grep -n '^t' /tmp/g1; grep -vE 'o|x' /tmp/g1; grep -q nope /tmp/g1; echo $?; grep -F . /tmp/g1; echo $?; grep -o 'th*' /tmp/g1", want: "2\n2:two\n3:three\nthree\n1\n1\nt\nth\n"},
		"text tools":                      {script: "printf 'b 2\\na 1\\nb 2\\n' | sort | uniq -c | tr -s ' ' | cut -d' ' -f2,3; seq 3 | tail -n +2 | wc -l; echo Abc | tr a-z A-Z; printf 'a:b:c' | cut -d: -f2-", want: "1 a\n2 b\n2\nABC\nb:c\n"},
		"base64 and sums":                 {script: "printf 'hello' | base64; printf aGVsbG8= | base64 -d; echo; printf hello | sha256sum", want: "aGVsbG8=\nhello\n2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  -\n"},
		"files":                           {script: "umask 077; mkdir -p /opt/x/y; echo s > /opt/x/.env; chmod 640 /opt/x/.env; stat -c '%a %U' /opt/x/.env; stat -c %a /opt/x/y; mv /opt/x/.env /opt/x/e; cp -a /opt/x /opt/z; ls -A /opt/z; rm -r /opt/x; test -e /opt/x; echo $?; ln -s e /opt/z/l; readlink /opt/z/l; cat /opt/z/l", want: "640 root\n700\ne\ny\n1\ne\ns\n"},
		"atomic replacement":              {script: "t=$(mktemp /root/.px.XXXXXX); echo new > $t; mv -f $t /root/target; cat /root/target; ls -a /root | grep -c '^.px' || true", want: "new\n0\n"},
		"flock refuses":                   {script: "exec 9>/run/lock/x; flock -n 9 && echo mine; sh -c 'exec 9>/run/lock/x; flock -n 9 || echo taken'; flock -n /run/lock/x -c 'echo no'; echo $?", want: "mine\ntaken\n1\n"},
		"flock waits":                     {script: "(flock 9; sleep 0.2; echo first) 9>/run/lock/y &\nsleep 0.05; flock /run/lock/y echo second; wait", want: "first\nsecond\n"},
		"timeout":                         {script: "timeout 1 sleep 1000; echo $?; timeout 100 sh -c 'exit 3'; echo $?", want: "124\n3\n"},
		"xargs find":                      {script: "mkdir -p /tmp/f/g; touch /tmp/f/1 /tmp/f/g/2; find /tmp/f -type f | sort | xargs -n1 basename; find /tmp/f -name '2' -delete; find /tmp/f -mindepth 1", want: "1\n2\n/tmp/f/1\n/tmp/f/g\n"},
		"pipes close":                     {script: "yes | head -2; echo $?", want: "y\ny\n0\n"},
		"scripts in files":                {script: "printf '#!/bin/sh\\necho \"$0 $1\"; exit 5\\n' > /root/run; chmod +x /root/run; /root/run a; echo $?", want: "/root/run a\n5\n"},
		"environment":                     {script: "A=1 sh -c 'echo $A'; export B=2; env -i C=3 /bin/sh -c 'echo $B$C'; echo ${A-none}", want: "1\n3\nnone\n"},
		"processes":                       {script: "sleep 500 & sleep 1; ps -o args= | grep '^sleep 500'; pkill sleep; wait; pgrep sleep; echo $?", want: "sleep 500\n1\n"},
		"cron":                            {script: "echo '0 3 * * * true' | crontab - && crontab -l; crond -f 2>/dev/null & sleep 1; pidof crond >/dev/null && echo runs; kill $!; wait; crontab -r; crontab -l", want: "0 3 * * * true\nruns\ncrontab: can't open 'root': No such file or directory\n", code: 1},
		"os":                              {script: ". /etc/os-release; echo $ID; hostname; [ -d /run ] && echo run", want: "debian\nd\nrun\n", debian: true},
		"syntax error":                    {script: "echo before\nif true; then\n", want: "before\n", code: 2},
		"dpkg":                            {script: "dpkg -s docker.io; apt-get install -y docker.io", want: "dpkg-query: package 'docker.io' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.\nReading package lists...\nBuilding dependency tree...\nE: Unable to locate package docker.io\nE: Couldn't find any package by glob 'docker.io'\nE: Couldn't find any package by regex 'docker.io'\n", code: 100, debian: true},
		"apk without index":               {script: "apk info -e docker; echo $?; apk add docker", want: "1\nERROR: unable to select packages:\n  docker (no such package):\n    required by: world[docker]\n", code: 1},
		"systemctl":                       {script: "systemctl is-active docker; systemctl start docker; systemctl is-system-running", want: "inactive\nFailed to start docker.service: Unit docker.service not found.\nrunning\n", debian: true},
		"openrc":                          {script: "rc-service docker start; rc-update add docker default", want: "rc-service: service `docker' does not exist\n * rc-update: service `docker' does not exist\n", code: 1},
		"home is unset as with clear-env": {script: "echo [${HOME-unset}]", want: "[unset]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := alpine
			if tc.debian {
				m = debian
			}
			got, code := sh(t, m, tc.script)
			if name == "syntax error" {
				got = strings.SplitAfter(got, "\n")[0]
			}
			if got != tc.want || code != tc.code {
				t.Errorf("%s\n got %d %q\nwant %d %q", tc.script, code, got, tc.code, tc.want)
			}
		})
	}
}
