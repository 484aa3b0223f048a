"""``/metrics``: numbers of the site and of this controller, as Prometheus reads them."""
