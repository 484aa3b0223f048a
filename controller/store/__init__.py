"""Tables, migrations, claims, queries."""
