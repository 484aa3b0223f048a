"""How the deployed system is started without firmware and boot loader (kexec).

Read it in this order: ``volumes`` (what can be read of the disk), ``grub_script`` and ``grub_menu`` (what GRUB would start),
``loader_entries`` (what systemd-boot would start), ``choice`` (which of them counts), ``plan`` (whether it can be done, pure),
``machine`` (what speaks against it), ``preparation`` (doing it).
"""
