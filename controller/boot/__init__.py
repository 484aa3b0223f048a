"""Network boot: dnsmasq and the iPXE answers."""
