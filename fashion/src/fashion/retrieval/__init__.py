"""Similar garments on the user's own images: an index on disk, searched and kept up to date."""
