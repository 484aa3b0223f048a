r"""A guest in 93 bytes: a boot sector that runs at once under BIOS, for tests of power and boot order.

It prints ``tiny guest ready``, then obeys one key on the serial line (``r`` reboots, ``s`` shuts down) and the power button. What the
bytes say (``as`` syntax, 16 bit, loaded at 0x7c00):

    xorw %ax,%ax; movw %ax,%ds
    movw $0x602,%dx; movw $0x100,%ax; outw %ax,%dx      # ACPI PM1_EN: power button (q35: PM1 at 0x600)
    movw $message,%si
    print:  lodsb; testb %al,%al; jz wait; movb $0x0e,%ah; movw $7,%bx; int $0x10; jmp print
    wait:   sti; hlt
            movw $0x600,%dx; inw %dx,%ax; testb $1,%ah; jnz off         # PM1_STS: pressed
            movb $1,%ah; int $0x16; jz wait                             # a key?
            xorb %ah,%ah; int $0x16
            cmpb $'r',%al; je reboot; cmpb $'s',%al; jne wait
    off:    movw $0x604,%dx; movw $0x2000,%ax; outw %ax,%dx; jmp wait   # PM1_CNT: S5
    reboot: movw $0xcf9,%dx; movb $6,%al; outb %al,%dx; jmp wait        # reset control
    message: .asciz "tiny guest ready\r\n"
"""

READY = "tiny guest ready"

_CODE = bytes.fromhex(
    "31c08ed8ba0206b80001efbe4a7cac84c07409b40ebb0700cd10ebf2fbf4ba0006edf6c4017512b401cd1674ef"
    "30e4cd163c72740d3c7375e3ba0406b80020efebdabaf90cb006eeebd2"
)
_SECTOR_BYTES = 512


def boot_sector() -> bytes:
    """Return the first 512 bytes of a bootable disk."""
    program = _CODE + f"{READY}\r\n\0".encode()
    return program.ljust(_SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"
