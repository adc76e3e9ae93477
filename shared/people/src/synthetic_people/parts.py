"""Labels of pixels: the parts of a person that a parsing map tells apart."""

PARTS = (
    "background",
    "hair",
    "face",
    "skin",
    "upper",
    "lower",
    "dress",
    "shoes",
    "hat",
    "glasses",
    "bag",
)
COLOURS = (
    (0, 0, 0),
    (140, 60, 170),
    (255, 200, 160),
    (230, 150, 110),
    (60, 110, 220),
    (40, 160, 90),
    (220, 80, 120),
    (120, 80, 50),
    (240, 210, 60),
    (60, 220, 220),
    (250, 130, 30),
)  # RGB, a row a part, for images of labels

BACKGROUND, HAIR, FACE, SKIN, UPPER, LOWER, DRESS, SHOES, HAT, GLASSES, BAG = range(len(PARTS))
