# shellcheck shell=bash disable=SC2154 # build sets what is read here
# The disk: partition table, boot sector, partitions at their places, and the two forms it is published in.
# Reads $name, $work, $root_uuid, $root_partuuid, $esp_mib; leaves $work/$name.raw and $work/$name.qcow2.
# Layout in MiB: 1 BIOS boot, then the EFI system partition, then the root to the last MiB (so it can be grown).

disk_mib=1024
bios_start_mib=1
esp_start_mib=2

# put FILE OFFSET_BYTES: copies a file into the disk and leaves its holes holes.
put() {
    dd if="$1" of="$work/$name.raw" bs=64K seek="$2" oflag=seek_bytes conv=notrunc,sparse status=none
}

# poke FILE OFFSET_BYTES HEX: overwrites bytes.
poke() {
    # shellcheck disable=SC2001 # sed's & keeps the digits
    printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# le64 NUMBER: eight bytes, least significant first, in hexadecimal.
le64() {
    printf '%016x' "$1" | sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/\8\7\6\5\4\3\2\1/'
}

make_root_image() {
    local root_mib=$((disk_mib - 1 - esp_start_mib - esp_mib))
    truncate --size="${root_mib}M" "$work/root.img"
    mke2fs -q -t ext4 -L root -U "$root_uuid" -m 0 -J size=4 -N 32768 -O ^orphan_file,^metadata_csum_seed \
        -E "lazy_itable_init=0,lazy_journal_init=0,hash_seed=$(uuid_for hash-seed)" -d "$work/rootfs" "$work/root.img"
}

partition_disk() {
    local root_start_mib=$((esp_start_mib + esp_mib))
    truncate --size="${disk_mib}M" "$work/$name.raw"
    sgdisk --disk-guid="$(uuid_for disk)" \
        --new=1:${bios_start_mib}M:+1M --typecode=1:ef02 --change-name=1:bios --partition-guid=1:"$(uuid_for bios-partition)" \
        --new=2:"${esp_start_mib}M:+${esp_mib}M" --typecode=2:ef00 --change-name=2:esp --partition-guid=2:"$(uuid_for esp-partition)" \
        --new=3:${root_start_mib}M:+$((disk_mib - 1 - root_start_mib))M --typecode=3:8304 --change-name=3:root \
        --partition-guid=3:"$root_partuuid" "$work/$name.raw" >/dev/null
    put "$work/esp.img" $((esp_start_mib << 20))
    put "$work/root.img" $((root_start_mib << 20))
}

# Does by hand what grub-install does (GRUB manual, "Images"; include/grub/i386/pc/boot.h of GRUB 2.06).
install_bios_loader() {
    local core_sector=$((bios_start_mib * 2048)) boot=$work/boot.img core=$work/core.img
    cp "$work/loaders/usr/lib/grub/i386-pc/boot.img" "$boot"
    poke "$boot" $((0x5c)) "$(le64 "$core_sector")"     # kernel_sector: where boot.img finds the core
    poke "$boot" $((0x66)) 9090                         # drive_check: trust the drive number, it is a hard disk
    poke "$core" $((0x1f4)) "$(le64 $((core_sector + 1)))" # first block list: where the core finds the rest of itself
    [ "$(stat -c %s "$core")" -le $((1 << 20)) ] || die "GRUB's core image does not fit into 1 MiB; name fewer modules"
    head -c 440 "$boot" >"$work/boot-code"              # the rest of the sector belongs to the partition table
    put "$work/boot-code" 0
    put "$core" $((core_sector * 512))
}

make_disk() {
    say "disk image"
    make_root_image
    partition_disk
    install_bios_loader
    qemu-img convert -f raw -O qcow2 -c -o compat=1.1,compression_type=zstd "$work/$name.raw" "$work/$name.qcow2"
}
