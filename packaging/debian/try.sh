#!/bin/sh
# Installs a package into an empty folder, looks at what came of it, and removes it again.
#
#   packaging/debian/try.sh PACKAGE.deb
#
# Needs root, dpkg, systemd-sysusers and systemd-tmpfiles. Nothing outside the folder is touched: dpkg runs the package's scripts
# with DPKG_ROOT.
set -eu

package=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers" "$root/etc"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
run_dpkg() { dpkg --root="$root" --force-script-chrootless --force-depends --force-not-root "$@"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# The mode, and the ids, of a path below the folder.
is() {
    found=$(stat -c '%a %u %g' "$root$1")
    [ "$found" = "$2" ] || fail "$1 is $found, not $2"
}

run_dpkg --install "$package" >/dev/null
uid=$(sed -n 's/^rollcall:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
gid=$(sed -n 's/^rollcall:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group")
[ -n "$uid" ] && [ -n "$gid" ] || fail "there is no user rollcall"
is /var/lib/rollcall "700 $uid $gid"
is /etc/rollcall "750 0 $gid"
is /etc/rollcall/rollcall.toml "640 0 $gid"
is /usr/bin/rollcall "755 0 0"
is /usr/lib/systemd/system/rollcall.service "644 0 0"
"$root/usr/bin/rollcall" --version | grep -q '^rollcall ' || fail "the program does not run"
"$root/usr/bin/rollcall" config check --config "$root/etc/rollcall/rollcall.toml" >/dev/null \
    || fail "the settings that come with it are not sound"

# A second time, over settings that were changed: they stay.
echo 'log_level = "info"' >>"$root/etc/rollcall/rollcall.toml"
run_dpkg --force-confold --install "$package" >/dev/null
grep -q '^log_level = "info"' "$root/etc/rollcall/rollcall.toml" || fail "settings were overwritten"
: >"$root/var/lib/rollcall/rollcall.db"
run_dpkg --purge rollcall >/dev/null 2>&1
[ ! -e "$root/usr/bin/rollcall" ] || fail "the program is still there"
[ -e "$root/var/lib/rollcall/rollcall.db" ] || fail "the data went with the package"
echo "installed, kept its settings, removed, and left the data"
