"""Volumes whose files are in a table, and configurations of boot loaders as distributions write them."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from agent.boot.kexec.volumes import FilePlace, Volume
from agent.errors import FileSystemError

ROOT_UUID = "c3f58731-e3ea-4b9f-aca4-ff6371d9985c"
BOOT_UUID = "44454575-c078-4e6c-8f31-20893975e678"
ESP_UUID = "ABCD-1234"


class TableFiles:
    """Files by their paths."""

    def __init__(self, content: Mapping[str, str | bytes]) -> None:
        self._content = {
            path.strip("/"): text.encode() if isinstance(text, str) else text
            for path, text in content.items()
        }

    def read(self, path: str, most_bytes: int) -> bytes | None:
        content = self._content.get(path.strip("/"))
        if content is not None and len(content) > most_bytes:
            raise FileSystemError(f"{path}: has more than {most_bytes} bytes")
        return content

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        yield io.BytesIO(self._content[path.strip("/")])

    def size_bytes(self, path: str) -> int | None:
        content = self._content.get(path.strip("/"))
        return None if content is None else len(content)

    def has_folder(self, name: str) -> bool:
        return any(path.startswith(f"{name.strip('/')}/") for path in self._content)

    def names(self, folder: str, most: int) -> tuple[str, ...]:
        start = f"{folder.strip('/')}/"
        below = (path.removeprefix(start) for path in self._content if path.startswith(start))
        return tuple(sorted({path.partition("/")[0] for path in below})[:most])


def volume(number: int, content: Mapping[str, str | bytes] | None = None, **more: Any) -> Volume:
    values = {"kind": "ext4", **more}
    return Volume(number=number, files=None if content is None else TableFiles(content), **values)


def root_volume(content: Mapping[str, str | bytes], **more: Any) -> Volume:
    return volume(3, content, **{"uuid": ROOT_UUID, **more})


def place(one: Volume, path: str = "/boot/grub/grub.cfg") -> FilePlace:
    return FilePlace(volume=one, path=path)


DEBIAN = f"""
### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi

if [ x"${{feature_menuentry_id}}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

if [ "${{prev_saved_entry}}" ]; then
  set saved_entry="${{prev_saved_entry}}"
  save_env saved_entry
  set boot_once=true
fi

function savedefault {{
  if [ -z "${{boot_once}}" ]; then
    saved_entry="${{chosen}}"
    save_env saved_entry
  fi
}}
function load_video {{
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}}

if [ x$feature_default_font_path = xy ] ; then
   font=unicode
else
insmod part_gpt
    font="/usr/share/grub/unicode.pf2"
fi

if loadfont $font ; then
  set gfxmode=auto
  insmod gfxterm
fi
terminal_output gfxterm
if [ "${{recordfail}}" = 1 ] ; then
  set timeout=30
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=menu
    set timeout=5
  fi
fi
### BEGIN /etc/grub.d/10_linux ###
function gfxmode {{
    set gfxpayload="${{1}}"
    if [ "${{1}}" = "keep" ]; then
        set vt_handoff=vt.handoff=7
    else
        set vt_handoff=
    fi
}}
set linux_gfx_mode=keep
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-{ROOT_UUID}' {{
    load_video
    gfxmode $linux_gfx_mode
    insmod gzio
    if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
    insmod part_gpt
    insmod ext2
    set root='hd0,gpt1'
    if [ x$feature_platform_search_hint = xy ]; then
      search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt3 --hint='hd0,gpt3'  {ROOT_UUID}
    else
      search --no-floppy --fs-uuid --set=root {ROOT_UUID}
    fi
    echo    'Loading Linux 6.1.0-28-amd64 ...'
    linux    /boot/vmlinuz-6.1.0-28-amd64 root=UUID={ROOT_UUID} ro  quiet $vt_handoff
    echo    'Loading initial ramdisk ...'
    initrd    /boot/initrd.img-6.1.0-28-amd64
}}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-{ROOT_UUID}' {{
    menuentry 'Debian GNU/Linux, with Linux 6.1.0-28-amd64' --class debian $menuentry_id_option 'gnulinux-6.1.0-28-amd64-advanced' {{
        search --no-floppy --fs-uuid --set=root {ROOT_UUID}
        linux    /boot/vmlinuz-6.1.0-28-amd64 root=UUID={ROOT_UUID} ro  quiet
        initrd    /boot/initrd.img-6.1.0-28-amd64
    }}
    menuentry 'Debian GNU/Linux, with Linux 6.1.0-27-amd64' --class debian $menuentry_id_option 'gnulinux-6.1.0-27-amd64-advanced' {{
        search --no-floppy --fs-uuid --set=root {ROOT_UUID}
        linux    /boot/vmlinuz-6.1.0-27-amd64 root=UUID={ROOT_UUID} ro  quiet
        initrd    /boot/initrd.img-6.1.0-27-amd64
    }}
}}
if [ "$grub_platform" = "efi" ]; then
    fwsetup --is-supported
    if [ "$?" = 0 ]; then
        menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {{
            fwsetup
        }}
    fi
fi
if [ -f  ${{config_directory}}/custom.cfg ]; then
  source ${{config_directory}}/custom.cfg
elif [ -z "${{config_directory}}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"""
"""As ``grub-mkconfig`` of Debian and Ubuntu writes it; ``DEFAULT`` is to be replaced."""

FEDORA = f"""
set pager=1
if [ -f ${{config_directory}}/grubenv ]; then
  load_env -f ${{config_directory}}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
   set boot_once=true
else
   set default="${{saved_entry}}"
fi
insmod part_gpt
insmod ext2
search --no-floppy --fs-uuid --set=root {BOOT_UUID}
set boot='hd0,gpt2'
search --no-floppy --fs-uuid --set=boot {BOOT_UUID}
if [ -z "${{kernelopts}}" ]; then
  set kernelopts="root=UUID={ROOT_UUID} ro console=ttyS0"
fi
insmod blscfg
blscfg
if [ "${{boot_success}}" = "1" -o "${{boot_indeterminate}}" = "1" ]; then
  set menu_hide_ok=1
fi
"""
"""As ``grub2-mkconfig`` of Fedora and RHEL writes it."""


def fedora_entry(version: str, options: str = "$kernelopts $tuned_params") -> str:
    return f"""title Fedora Linux ({version}) 40
version {version}
linux /vmlinuz-{version}
initrd /initramfs-{version}.img $tuned_initrd
options {options}
grub_users $grub_users
grub_arg --unrestricted
grub_class fedora
"""
