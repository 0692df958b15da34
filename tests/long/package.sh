#!/usr/bin/env bash
# Builds the Debian package of a program, installs it in a fresh Debian, and tries there what docs/operations/production.md describes: units,
# their hardening, the server, timers, an upgrade and a purge. Needs root.
#
#     tests/long/package.sh PROGRAM
#
# Where systemd-nspawn can't boot, as in most containers, it fails at the last step with "NOT STARTED". PACKAGE_WITHOUT_BOOT=allowed makes the
# exit code 75, which .ci/long lists as PARTIAL.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/long/package.sh
. tests/debian.sh
[ $# = 1 ] && [ -x "$1" ] || fail "name the program, as target/dist/samregister"
[ "$(id -u)" = 0 ] || fail "root is needed, to install a Debian in a folder"
need debootstrap debootstrap --version
need lintian lintian --version
need systemd-container systemd-nspawn --version

folder=$(mktemp -d)
root=$folder/root
boot=
end_all() {
    [ -z "$boot" ] || { kill "$boot" && wait "$boot"; } 2>/dev/null || true
    ! mountpoint -q "$root/proc" || umount "$root/proc"
    rm -rf "$folder"
}
trap end_all EXIT

ok() { printf '%s: ok\n' "$*"; }

deploy/package.sh "$1" "$folder" || fail "the package was not built"
package=$(echo "$folder"/samregister_*.deb)
lintian --fail-on error "$package" || fail "lintian has errors"
ok "the package is built, and lintian has no error"

for unit in deploy/*.service; do
    # In tenths: below 2.0.
    systemd-analyze security --offline=true --no-pager --threshold=19 "$PWD/$unit" | tail -n 1 ||
        fail "$unit is not below 2.0"
done

debootstrap --variant=minbase --include=adduser,ca-certificates,init-system-helpers,systemd,systemd-sysv bookworm "$root" >"$folder/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $(tail -n 5 "$folder/debootstrap.log")"
cp "$package" "$root/srv/first.deb"

# Another version of the package.
dpkg-deb -R "$package" "$folder/next"
sed -i 's/^Version: .*/&+next/' "$folder/next/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$folder/next" "$root/srv/next.deb" >/dev/null
rm -rf "$folder/next"

# in_root COMMAND…: runs it in the new system that is not started.
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
mount -t proc proc "$root/proc"
in_root apt-get install -y --no-install-recommends /srv/first.deb >"$folder/install.log" 2>&1 || fail "$(tail -n 20 "$folder/install.log")"
in_root systemd-analyze verify --man=no $(cd deploy && ls ./*.service ./*.timer | sed 's|^\./|/usr/lib/systemd/system/|') || fail "the units have errors"
for unit in samregister.service samregister-backup.timer samregister-checkpoint.timer samregister-verify.timer; do
    in_root systemctl --quiet is-enabled "$unit" || fail "$unit is not enabled"
done
for unit in samregister-doctor.timer samregister-expiring.timer samregister-retention.timer; do
    ! in_root systemctl --quiet is-enabled "$unit" || fail "$unit is enabled by the operator alone, and is enabled"
done
[ "$(stat -c %a:%U "$root/etc/samregister/credentials/jwt-secret")" = 600:root ] || fail "others can read the secret"
[ -s "$root/usr/share/man/man1/samregister.1.gz" ] || fail "there is no man page"
ok "the package is installed, and its units are valid"

# By the account of the service, without systemd.
account() { in_root setpriv --reuid samregister --regid samregister --clear-groups sh -c "cd /var/lib/samregister && $1"; }
account 'samregister migrate && samregister templates load --publish && samregister verify' >"$folder/commands.log" 2>&1 ||
    fail "$(cat "$folder/commands.log")"
[ "$(stat -c %a "$root/var/lib/samregister/samregister.db")" = 600 ] || fail "others can read the register"
account 'SAMREGISTER_JWT_SECRET=a-secret-of-the-test-of-32-bytes-or-more samregister serve & sleep 5; samregister healthcheck; code=$?; kill $!; wait; exit $code' \
    2>"$folder/serve.log" || fail "the server is not ready: $(cat "$folder/serve.log")"
ok "the server runs as its account"
umount "$root/proc"

# Commands within the started system.
cat >"$root/srv/try.sh" <<'END'
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
fail() { echo "$*"; journalctl --no-pager -o cat -n 30 -u 'samregister*'; exit 1; }
server() {
    # Started means ready: the server notified systemd.
    [ "$(systemctl show -P ActiveState samregister)" = active ] || fail "$1: the server is $(systemctl show -P ActiveState samregister)"
    samregister healthcheck >/dev/null || fail "$1: the server is not ready"
}
systemctl start samregister
server "after the start"
[ "$(systemctl show -P Type samregister)" = notify ] || fail "the server is no service of type notify"
export SAMREGISTER_JWT_SECRET_FILE=/etc/samregister/credentials/jwt-secret
SAMREGISTER_TOKEN=$(samregister token --role OFFICE --subject anna@example.se)
export SAMREGISTER_TOKEN
unset SAMREGISTER_JWT_SECRET_FILE
samregister api '{ viewer { roles } }' | grep -q OFFICE || fail "a query fails"
for task in backup checkpoint verify retention expiring; do
    systemctl start "samregister-$task" || fail "samregister-$task failed"
done
ls /var/backups/samregister/samregister-*.db >/dev/null || fail "there is no backup"
grep -q . /var/lib/samregister/checkpoints.txt || fail "there is no checkpoint"
# All is there but [network]: the secret of the server as well.
systemctl start samregister-doctor || true
journalctl --no-pager -o cat -u samregister-doctor > /srv/doctor.txt
grep -q '^ok    token_keys' /srv/doctor.txt || fail "samregister-doctor has no secret: $(cat /srv/doctor.txt)"
! grep '^fail' /srv/doctor.txt | grep -v '^fail  network' || fail "samregister-doctor has failures: $(cat /srv/doctor.txt)"
# A killed server is started again.
kill -9 "$(systemctl show -P MainPID samregister)"
sleep 4
server "after a kill"
before=$(systemctl show -P MainPID samregister)
echo '# changed' >> /etc/samregister/samregister.toml
apt-get install -y --no-install-recommends /srv/next.deb >/srv/upgrade.log 2>&1 || fail "$(cat /srv/upgrade.log)"
server "after the upgrade"
[ "$before" != "$(systemctl show -P MainPID samregister)" ] || fail "the upgrade did not restart the server"
tail -n 1 /etc/samregister/samregister.toml | grep -q changed || fail "the upgrade replaced the settings"
samregister api '{ viewer { roles } }' | grep -q OFFICE || fail "the token is not valid after the upgrade"
apt-get purge -y samregister >/srv/purge.log 2>&1 || fail "$(cat /srv/purge.log)"
[ ! -e /etc/samregister/credentials ] && [ ! -e /usr/bin/samregister ] || fail "settings or the program stay after a purge"
[ -s /var/lib/samregister/samregister.db ] && [ -s /var/lib/samregister/samregister.db.trail-key.pem ] || fail "a purge removed the register"
[ ! -e /etc/systemd/system/multi-user.target.wants/samregister.service ] || fail "a unit stays enabled"
END
systemd-nspawn --directory "$root" --boot --register=no --keep-unit --private-network --quiet --console=pipe >"$folder/boot.log" 2>&1 &
boot=$!
leader=
for _ in $(seq 60); do
    leader=$(pgrep -P "$boot" | head -n 1 || true)
    # Anything but an unreachable manager.
    [ -z "$leader" ] || ! nsenter -t "$leader" -a systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' || break
    kill -0 "$boot" 2>/dev/null || break
    sleep 1
done
if ! kill -0 "$boot" 2>/dev/null; then
    not_started="NOT STARTED: systemd-nspawn does not boot on this machine, so units were checked, and not started: $(tail -n 3 "$folder/boot.log")"
    [ "${PACKAGE_WITHOUT_BOOT:-}" = allowed ] || fail "$not_started; run it on another machine, or set PACKAGE_WITHOUT_BOOT=allowed"
    say "$not_started; allowed by PACKAGE_WITHOUT_BOOT"
    exit 75
fi
nsenter -t "$leader" -a sh /srv/try.sh || fail "the started system fails"
ok "the service, its timers, an upgrade and a purge, under systemd"
