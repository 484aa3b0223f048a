"""Networks that somebody describes: `description` (values), `network_data` and `arguments` (readers), `plan` (pure), `configure` (does it)."""
