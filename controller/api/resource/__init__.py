"""Resources as data: fields and what follows from them (lists, documents, creation, patches, routes)."""
