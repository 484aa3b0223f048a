"""``python -m controller.boot.tftp``: the gateway's process."""

from controller.boot.tftp.gateway import main

main()
