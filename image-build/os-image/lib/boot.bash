# shellcheck shell=bash disable=SC2154 # build sets what is read here
# The boot partitions' contents: GRUB's core image for BIOS, an EFI system partition with the signed loaders.
# Reads $work and $root_uuid; leaves $work/core.img and $work/esp.img.

esp_mib=48

# The core finds its configuration on the third partition of the disk that the BIOS started.
make_bios_core() {
    grub-mkimage --format=i386-pc --directory="$work/loaders/usr/lib/grub/i386-pc" --prefix='(,gpt3)/boot/grub' \
        --output="$work/core.img" biosdisk part_gpt ext2 normal linux boot
}

# Shim under the removable-media path, so that the firmware needs no boot entry; signed, so that Secure Boot may be on.
make_esp() {
    local esp=$work/esp.img
    cat >"$work/esp-grub.cfg" <<END
search --no-floppy --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
END
    truncate --size="${esp_mib}M" "$esp"
    mkfs.fat -F 32 -n ESP --invariant "$esp" >/dev/null
    mmd -i "$esp" ::EFI ::EFI/BOOT ::EFI/debian
    mcopy -i "$esp" "$work/loaders/usr/lib/shim/shimx64.efi.signed" ::EFI/BOOT/BOOTX64.EFI
    mcopy -i "$esp" "$work/loaders/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::EFI/BOOT/grubx64.efi
    mcopy -i "$esp" "$work/esp-grub.cfg" ::EFI/debian/grub.cfg
}

make_boot_images() {
    say "boot loaders"
    make_bios_core
    make_esp
}
