"""What every data set is converted to: types of garments, landmarks, their states, categories."""

SPLITS = ("train", "val", "test")

TYPES = ("upper", "lower", "full")
"""Of garments; files count them from 1, we from 0."""

SLOTS = (
    *("left collar", "right collar", "left sleeve", "right sleeve"),
    *("left waistline", "right waistline", "left hem", "right hem"),
)
"""Of landmarks; left is mostly the left of the image, and only the pairing matters."""

VISIBLE, OCCLUDED, TRUNCATED, ABSENT = range(4)
"""States of landmarks, the codes of DeepFashion's files; ABSENT: the type has none there, or no one
looked for it. Only VISIBLE and OCCLUDED ones have a place."""

STATES = ("visible", "occluded", "truncated")

SLOTS_OF_TYPE = ((0, 1, 2, 3, 6, 7), (4, 5, 6, 7), (0, 1, 2, 3, 4, 5, 6, 7))
"""Where the landmarks that a file lists for each type belong."""

MIRRORED = (1, 0, 3, 2, 5, 4, 7, 6)
"""The slot that each slot becomes in a mirrored image."""

SHOP, CONSUMER = range(2)
GALLERY, QUERY = range(2)
UNKNOWN = -1
"""Stands for a type, a category, an item, a series, a domain or a role that is not known."""

VARIATIONS = ("normal pose", "medium pose", "large pose", "medium zoom-in", "large zoom-in")
"""Numbered from 1 as in the files; 0 is not known."""

UPPER = (
    *("Anorak", "Blazer", "Blouse", "Bomber", "Button-Down", "Cardigan", "Flannel", "Halter"),
    *("Henley", "Hoodie", "Jacket", "Jersey", "Parka", "Peacoat", "Poncho", "Sweater", "Tank"),
    *("Tee", "Top", "Turtleneck"),
)
LOWER = (
    *("Capris", "Chinos", "Culottes", "Cutoffs", "Gauchos", "Jeans", "Jeggings", "Jodhpurs"),
    *("Joggers", "Leggings", "Sarong", "Shorts", "Skirt", "Sweatpants", "Sweatshorts", "Trunks"),
)
FULL = (
    *("Caftan", "Cape", "Coat", "Coverup", "Dress", "Jumpsuit", "Kaftan", "Kimono", "Nightdress"),
    *("Onesie", "Robe", "Romper", "Shirtdress", "Sundress"),
)
CATEGORIES = (*UPPER, *LOWER, *FULL)
"""The 50 of DeepFashion (Liu et al., CVPR 2016) in the order of list_category_cloth.txt, whose ids
count from 1. No image has Cape, Nightdress, Shirtdress or Sundress."""

ATTRIBUTE_TYPES = ("texture", "fabric", "shape", "part", "style")
"""Of DeepFashion's attributes; files count them from 1, we from 0."""
