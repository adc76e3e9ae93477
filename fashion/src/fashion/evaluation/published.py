"""Figures that others published, to stand beside ours; none of them is measured here.

DeepFashion: Liu, Luo, Qiu, Wang, Tang, "DeepFashion: Powering Robust Clothes Recognition and
Retrieval with Rich Annotations", CVPR 2016, sections 4.1 to 4.3: systems WTBI, DARN, FashionNet and
its variants with 100 and 500 attributes, with human joints and with poselets in place of landmarks.
DFA: Liu, Yan, Luo, Wang, Tang, "Fashion Landmark Detection in the Wild", ECCV 2016. Later landmark
rows: DLAN (Yan et al., ACM MM 2017), BCRNN (Wang et al., CVPR 2018), Liu & Lu (ECCV workshops
2018), GLE (Lee et al., ICCV workshops 2019).

All are as later papers and code reprint them. Categories of FashionNet's variants could not be
compared with a reprint, and others could not reach the printed recall of style.
"""

CATEGORY_SOURCE = (
    "Published rows: DeepFashion's category and attribute benchmark, 40,000 images "
    "(Liu et al., CVPR 2016; the last row Liu & Lu, ECCV workshops 2018), not measured here."
)
IN_SHOP_SOURCE = (
    "Published rows: DeepFashion's In-shop benchmark, 14,218 queries, 12,612 in the gallery "
    "(Liu et al., CVPR 2016), not measured here."
)
CONSUMER_SOURCE = (
    "Published rows: DeepFashion's Consumer-to-shop benchmark (Liu et al., CVPR 2016), not "
    "measured here."
)
LANDMARK_SOURCE = (
    "Published rows: {}, as the papers of these systems and their successors print them, not "
    "measured here."
)

CATEGORY = {
    "WTBI": (43.73, 66.26),
    "DARN": (59.48, 79.58),
    "FashionNet+100": (47.38, 70.57),
    "FashionNet+500": (57.44, 77.39),
    "FashionNet+Joints": (72.30, 81.52),
    "FashionNet+Poselets": (75.34, 84.87),
    "FashionNet": (82.58, 90.17),
    "Liu & Lu": (91.16, 96.12),
}
"""Accuracy in %, top-3 and top-5."""

ATTRIBUTES = {
    "WTBI": (
        (24.21, 32.65),
        (25.38, 36.06),
        (23.39, 31.26),
        (26.31, 33.24),
        (49.85, 58.68),
        (27.46, 35.37),
    ),
    "DARN": (
        (36.15, 48.15),
        (36.64, 48.52),
        (35.89, 46.93),
        (39.17, 50.14),
        (66.11, 71.36),
        (42.35, 51.95),
    ),
    "FashionNet": (
        (37.46, 49.52),
        (39.30, 49.84),
        (39.47, 48.59),
        (44.13, 54.02),
        (66.43, 73.16),
        (45.52, 54.61),
    ),
    "Liu & Lu": (
        (56.17, 65.83),
        (43.20, 53.52),
        (58.28, 67.80),
        (46.97, 57.42),
        (68.82, 74.13),
        (54.69, 63.74),
    ),
}
"""Recall in %, top-3 and top-5: of texture, fabric, shape, part, style, and all attributes."""

IN_SHOP: dict[str, dict[int, float]] = {
    "WTBI": {1: 35.0, 10: 47.0, 20: 50.6, 30: 51.5, 40: 53.0, 50: 54.5},
    "DARN": {1: 38.0, 10: 56.0, 20: 67.5, 30: 70.0, 40: 72.0, 50: 72.5},
    "FashionNet+100": {20: 57.3, 50: 62.5},
    "FashionNet+500": {20: 64.6, 50: 69.5},
    "FashionNet+Joints": {1: 41.0, 10: 64.0, 20: 68.0, 30: 71.0, 40: 73.0, 50: 73.5},
    "FashionNet+Poselets": {1: 42.0, 10: 65.0, 20: 70.0, 30: 72.0, 40: 72.0, 50: 75.0},
    "FashionNet": {1: 53.2, 10: 72.5, 20: 76.4, 30: 77.0, 40: 79.0, 50: 80.0},
}
"""hit@k in %, by k."""

CONSUMER_TO_SHOP: dict[str, dict[int, float]] = {
    "WTBI": {20: 6.3},
    "FashionNet+100": {20: 7.1},
    "FashionNet+500": {20: 10.4},
    "DARN": {20: 11.1},
    "FashionNet+Joints": {20: 13.6},
    "FashionNet+Poselets": {20: 13.9},
    "FashionNet": {20: 18.8},
}
"""hit@k in %, by k."""

LANDMARKS: dict[str, dict[str, float]] = {
    "DeepFashion-C": {
        "FashionNet": 0.0872,
        "DFA": 0.0660,
        "DLAN": 0.0643,
        "BCRNN": 0.0484,
        "Liu & Lu": 0.0474,
        "GLE": 0.0393,
    },
    "FLD": {
        "FashionNet": 0.0859,
        "DFA": 0.0680,
        "DLAN": 0.0672,
        "BCRNN": 0.0583,
        "GLE": 0.0568,
    },
}
"""Normalised error, the mean of all landmarks, by data set and system."""

FASHIONNET_SLOTS = (0.0854, 0.0902, 0.0973, 0.0935, 0.0854, 0.0845, 0.0812, 0.0823)
"""FashionNet's normalised error on DeepFashion-C by landmark, in the order of the eight slots."""
