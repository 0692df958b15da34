#!/usr/bin/env bash
# Tries the examples of reverse proxies (deploy/proxy) with Debian's nginx and Caddy before the demo: requests, bodies, WebSocket, events as they
# come, and the client's address.
#
#     tests/long/proxies.sh PROGRAM
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/long/proxies.sh
. tests/debian.sh
. tests/demo_server.sh
[ $# = 1 ] && [ -x "$1" ] || fail "name the program, as target/dist/samregister"
export PATH=$PATH:/usr/sbin:/sbin
need nginx nginx -v
need caddy caddy version
need openssl openssl version
need python3 python3 --version

folder=$(mktemp -d)
proxy=
end_all() {
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap end_all EXIT
# nginx leaves this to an account without rights.
chmod 755 "$folder"

export SAMREGISTER_TRUSTED_PROXIES=127.0.0.1 SAMREGISTER_LOG_FORMAT=text
serve_demo "$1" "$folder"
unset SAMREGISTER_TRUSTED_PROXIES
token=$(token_of OFFICE "$folder")
address=${SAMREGISTER_URL#http://}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=register.example.se -addext subjectAltName=DNS:register.example.se \
    -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
read -r port plain < <(python3 -c '
import socket
found = [socket.socket() for _ in range(2)]
for one in found: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in found))')

# The example as it stands, but for addresses and the certificate.
try_proxy() {
    local name=$1
    shift
    "$@" >"$folder/$name.log" 2>&1 &
    proxy=$!
    python3 tests/long/proxies.py "$name" "$port" "$token" "$folder/server.err" || {
        tail -n 20 "$folder/$name.log" >&2
        fail "$name: the example does not pass the checks"
    }
    kill "$proxy"
    wait "$proxy" 2>/dev/null || true
    proxy=
}

sed -e "s|127.0.0.1:8080|$address|" -e "s|/etc/letsencrypt/live/register.example.se|$folder|" \
    -e "s|listen 443|listen 127.0.0.1:$port|; s|listen 80|listen 127.0.0.1:$plain|; /listen \[::\]/d" deploy/proxy/nginx.conf >"$folder/site.conf"
cat >"$folder/nginx.conf" <<END
daemon off;
pid $folder/nginx.pid;
error_log stderr;
events {}
http { access_log off; include $folder/site.conf; }
END
try_proxy nginx nginx -e stderr -p "$folder" -c "$folder/nginx.conf"

{
    printf '{\n\tadmin off\n\thttp_port %s\n\thttps_port %s\n\tskip_install_trust\n}\n' "$plain" "$port"
    sed -e "s|127.0.0.1:8080|$address|" -e "s|^register.example.se {|&\n\ttls $folder/fullchain.pem $folder/privkey.pem|" deploy/proxy/Caddyfile
} >"$folder/Caddyfile"
HOME=$folder XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder try_proxy Caddy caddy run --adapter caddyfile --config "$folder/Caddyfile"
say "both examples pass the checks"
