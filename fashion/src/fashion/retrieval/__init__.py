"""Similar garments on the user's own pictures: an index on disk, searched and kept up to date."""
