# shellcheck shell=bash disable=SC2154 # build sets what is read here
# The root file system: packages, our files over them, the state of a machine that has never been started.
# Reads $here, $name, $work, $root_uuid; leaves $work/rootfs and, unpacked, the boot loaders' packages in
# $work/loaders.

make_rootfs() {
    say "root file system from Debian packages"
    "$here/../apt-settings" "$work"
    local packages
    local variant=$here/variants/$name
    local lists=("$here/packages.txt")
    [ ! -e "$variant/packages.txt" ] || lists+=("$variant/packages.txt")
    packages=$(sed 's/#.*//' "${lists[@]}" | xargs | tr ' ' ,)
    export here variant work root_uuid
    # Hooks run on this machine with the new root as $1.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --mode=root --variant=minbase --architectures=amd64 --include="$packages" --aptopt="$work/apt.conf" \
        --dpkgopt="$here/dpkg.cfg" \
        --essential-hook='cp -r "$here/overlay/." "$1/"' \
        --customize-hook='"$here/lib/finish-rootfs" "$1"' \
        --customize-hook='[ ! -e "$variant/finish" ] || "$variant/finish" "$1"' \
        bookworm "$work/rootfs" "$work/sources.list"
}
