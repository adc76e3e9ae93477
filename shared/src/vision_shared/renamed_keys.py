"""Renamed keys of data configs: read in older checkpoints, refused on command lines."""

from typing import Any

RENAMED = {
    "pictures": "images",
    "pictures_per_item": "images_per_item",
    "pictures_per_identity": "images_per_identity",
    "celeba_pictures": "celeba_images",
}


def current_keys(values: Any) -> Any:
    """Return plain values with the keys of their mappings as they are today.

    >>> current_keys({"render": {"pictures": 4, "side": 64}})
    {'render': {'images': 4, 'side': 64}}
    """
    if isinstance(values, dict):
        return {RENAMED.get(key, key): current_keys(value) for key, value in values.items()}
    return values
