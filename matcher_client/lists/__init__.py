"""Hash lists: read from the formats that people have, built, compared, updated and synchronised."""
