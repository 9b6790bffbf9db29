#!/bin/sh
# Builds the Debian package from a release binary.
#
#   cargo build --release -p rollcall
#   packaging/debian/build.sh [BINARY] [FOLDER]
#
# The binary is target/release/rollcall, the folder target, where they are not named. Needs dpkg-deb and dpkg-shlibdeps.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-$here/target}/release/rollcall}")
out=$(realpath "${2:-$here/target}")
# An installed package must be readable whatever the umask of whoever builds it.
umask 022
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

version=$("$binary" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)

install -D -m 755 "$binary" "$root/usr/bin/rollcall"
if command -v strip >/dev/null; then
    strip --strip-unneeded "$root/usr/bin/rollcall"
fi
install -D -m 644 "$here/packaging/rollcall.toml" "$root/etc/rollcall/rollcall.toml"
install -D -m 644 "$here/packaging/systemd/rollcall.service" "$root/usr/lib/systemd/system/rollcall.service"
install -D -m 644 "$here/packaging/systemd/sysusers.conf" "$root/usr/lib/sysusers.d/rollcall.conf"
install -D -m 644 "$here/packaging/systemd/tmpfiles.conf" "$root/usr/lib/tmpfiles.d/rollcall.conf"
install -D -m 644 "$here/LICENSE" "$root/usr/share/doc/rollcall/copyright"
install -m 644 "$here"/docs/operations.md "$here"/docs/configuration.md "$here"/docs/monitoring.md \
    "$root/usr/share/doc/rollcall/"
gzip -9n <"$here/CHANGELOG.md" >"$root/usr/share/doc/rollcall/changelog.gz"

# Which libraries the binary needs, and from which version on.
mkdir -p "$root/debian"
printf 'Source: rollcall\n\nPackage: rollcall\nArchitecture: any\n' >"$root/debian/control"
depends=$(cd "$root" && dpkg-shlibdeps -O usr/bin/rollcall 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
rm -r "$root/debian"

mkdir "$root/DEBIAN"
size=$(du -ks "$root" | cut -f1)
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@SIZE@|$size|" \
    -e "s|@DEPENDS@|${depends:-libc6}|" "$here/packaging/debian/control.in" >"$root/DEBIAN/control"
echo /etc/rollcall/rollcall.toml >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/packaging/debian/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)

package="$out/rollcall_${version}_${architecture}.deb"
dpkg-deb --root-owner-group --build "$root" "$package"
