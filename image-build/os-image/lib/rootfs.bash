# shellcheck shell=bash disable=SC2154 # build sets what is read here
# The root file system: packages, our files over them, the state of a machine that has never been started.
# Reads $here, $work, $keyring, $root_uuid; leaves $work/rootfs and, unpacked, the boot loaders' packages in
# $work/loaders.

# The machine's own Debian archives, in whatever form they are written down (one line or deb822), as one-line sources.
list_archives() {
    # shellcheck disable=SC2016  # apt fills these in
    apt-get indextargets --format 'deb [signed-by=@KEYRING@] $(REPO_URI) $(RELEASE) $(COMPONENT) #$(ORIGIN) $(CODENAME)' \
        'Identifier: Packages' 'Created-By: Packages' |
        sed -n -E "/#Debian bookworm(-updates|-security)?\$/s| #.*||p" | sed "s|@KEYRING@|$keyring|" | sort -u
}

make_rootfs() {
    say "root file system from Debian packages"
    list_archives >"$work/sources.list"
    [ -s "$work/sources.list" ] || die "apt knows no archive of Debian bookworm; check its sources and run apt-get update"
    apt-config dump | grep -E '^Acquire::(https?::|Check-Valid-Until)' >"$work/apt.conf" || true
    local packages
    packages=$(sed 's/#.*//' "$here/packages.txt" | xargs | tr ' ' ,)
    export here work root_uuid
    # Hooks run on this machine with the new root as $1.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --mode=root --variant=minbase --architectures=amd64 --include="$packages" --aptopt="$work/apt.conf" \
        --dpkgopt="$here/dpkg.cfg" \
        --essential-hook='cp -r "$here/overlay/." "$1/"' \
        --customize-hook='"$here/lib/finish-rootfs" "$1"' \
        bookworm "$work/rootfs" "$work/sources.list"
}
