"""A random person, and a random moment of one.

Every probability is in one of the tables below. What stays with a person (sex, age, ancestry, face,
hair, beard) is drawn once, from the person's number alone; what passes (expression, glasses, hat,
make-up) once a moment, around habits that the person has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

ANCESTRIES = {"african": 0.3, "asian": 0.3, "caucasian": 0.4}
HAIR_COLOURS: Mapping[
    str, tuple[tuple[float, float, float], float, float]
] = {  # linear RGB of the mean, then the share by ancestry (others, caucasian)
    "black": ((0.012, 0.010, 0.010), 0.74, 0.20),
    "brown": ((0.060, 0.032, 0.018), 0.20, 0.42),
    "blond": ((0.36, 0.24, 0.11), 0.03, 0.28),
    "red": ((0.22, 0.065, 0.022), 0.01, 0.07),
    "gray": ((0.30, 0.29, 0.28), 0.02, 0.03),
}
GRAY_FROM, GRAY_TO = 42.0, 75.0  # years over which hair turns gray for nearly everyone
HAIR_STYLES = {  # asset: weight for women, for men
    "afro01": (0.5, 0.4),
    "bob01": (0.45, 0.01),
    "bob02": (0.45, 0.01),
    "braid01": (0.8, 0.02),
    "long01": (1.6, 0.12),
    "ponytail01": (1.0, 0.06),
    "short01": (0.25, 1.0),
    "short02": (0.3, 1.3),
    "short03": (0.12, 0.4),
    "short04": (0.2, 1.2),
    "buzz": (0.05, 0.7),
    "crop": (0.2, 1.0),
    "short_afro": (0.4, 0.6),
}
BANGS = ("bob01", "bob02", "short03")  # styles that cover the forehead
LONG = ("long01", "braid01", "ponytail01")
WAVY = ("afro01", "short_afro")
WAVY_FACTORS = {"african": 2.5}  # of the weights of `WAVY`; others have them less
WAVY_OTHERWISE = 0.25
BALD = {"female": 0.01, "male": 0.12}  # and more with age, for men
BEARDS = {  # share among men
    "": 0.50,
    "stubble": 0.15,
    "mustache": 0.08,
    "goatee": 0.10,
    "full": 0.12,
    "sideburns": 0.05,
}
HABITS = {  # share of people who have it by sex (women, men), share of their moments
    "glasses": (0.20, 0.26, 0.85),
    "sunglasses": (0.12, 0.10, 0.5),
    "hat": (0.10, 0.14, 0.6),
    "lipstick": (0.50, 0.0, 0.8),
    "blush": (0.30, 0.0, 0.7),
    "eyeshadow": (0.30, 0.0, 0.7),
    "earrings": (0.40, 0.05, 0.8),
    "necklace": (0.30, 0.05, 0.7),
}
EXPRESSIONS = {
    "neutral": 0.30,
    "smile": 0.20,
    "grin": 0.20,
    "open": 0.15,
    "other": 0.15,
}
TRAITS = {  # CelebA's word: signed targets; weight 1 is a strong trait. Each person has a degree.
    "Big_Nose": {
        "nose/nose-scale-horiz": 0.7,
        "nose/nose-volume": 0.6,
        "nose/nose-scale-vert": 0.4,
    },
    "Pointy_Nose": {"nose/nose-point-width": -0.8, "nose/nose-scale-depth": 0.6},
    "Big_Lips": {
        "mouth/mouth-upperlip-volume": 0.8,
        "mouth/mouth-lowerlip-volume": 0.8,
        "mouth/mouth-upperlip-height": 0.5,
        "mouth/mouth-lowerlip-height": 0.5,
    },
    "Narrow_Eyes": {
        "eyes/eye-height1": -0.6,
        "eyes/eye-height2": -0.8,
        "eyes/eye-height3": -0.6,
    },
    "Chubby": {
        "head/head-fat": 0.7,
        "cheek/cheek-volume": 0.7,
        "neck/neck-double": 0.5,
        "chin/chin-width": 0.3,
    },
    "Arched_Eyebrows": {"eyebrows/eyebrows-angle": 0.9, "eyebrows/eyebrows-trans": 0.3},
    "High_Cheekbones": {"cheek/cheek-bones": 0.9, "cheek/cheek-inner": -0.5},
    "Bags_Under_Eyes": {"eyes/eye-bag": 0.9},
}
OPPOSITES = {"incr": "decr", "up": "down", "out": "in"}
SHAPES = ("oval", "round", "rectangular", "square", "triangular", "diamond")
FEATURES = ("head", "forehead", "eyes", "nose", "mouth", "cheek", "chin", "ears", "neck")


@dataclass(frozen=True)
class Person:
    """Lasting properties of a person.

    Args:
        identity: the number that all of it follows from.
        sex: "female" or "male".
        age: years.
        ancestry: the largest share's name; `mixture` all shares, which sum to 1.
        tone: 0 for the darkest skin to 1 for the lightest.
        muscle, weight, height, breast: phenotype, 0 to 1.
        traits: degrees of `TRAITS`, -1 to 1.
        face: weights of further targets of the face.
        face_shape: one of `SHAPES`, with `shape_weight`.
        hair: style, "" for a bald head; `hair_length` scales it, `hair_rgb` is its linear colour.
        brow: number of the eyebrows, from 1; `brow_weight` their thickness, 1 as they are.
        eyes: name of the iris.
        beard: one of `BEARDS`.
        habits: things that this person wears at times.
        details: numbers in [0, 1) that fix shapes of glasses, hats, jewellery.
    """

    identity: int
    sex: str
    age: float
    ancestry: str
    mixture: Mapping[str, float]
    tone: float
    muscle: float
    weight: float
    height: float
    breast: float
    traits: Mapping[str, float]
    face: Mapping[str, float]
    face_shape: str
    shape_weight: float
    hair: str
    hair_colour: str
    hair_rgb: tuple[float, float, float]
    hair_length: float
    brow: int
    brow_weight: float
    eyes: str
    beard: str
    habits: frozenset[str]
    details: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class Moment:
    """Passing properties of a person.

    Args:
        expression: one of `EXPRESSIONS`; `units` weights of its face units.
        eyes_closed: whether both eyes are shut.
        yaw, pitch, roll: angles of the head against the body, degrees.
        gaze: degrees to the person's left and up.
        worn: those habits that show at this moment.
    """

    expression: str
    units: Mapping[str, float]
    eyes_closed: bool
    yaw: float
    pitch: float
    roll: float
    gaze: tuple[float, float]
    worn: frozenset[str]


def draw_person(identity: int, seed: int = 0) -> Person:
    """Return the person of a number; the same on every machine."""
    rng = np.random.default_rng([seed, 1, identity])
    male = bool(rng.random() < 0.5)
    sex = "male" if male else "female"
    age = float(np.clip(18 + rng.gamma(2.2, 10.5), 18, 85))
    ancestry = choose(rng, ANCESTRIES)
    mixture = rng.dirichlet([0.4] * len(ANCESTRIES)) * 0.3
    mixture = {
        name: float(m) + 0.7 * (name == ancestry)
        for name, m in zip(ANCESTRIES, mixture, strict=True)
    }
    usual = {"african": 0.22, "asian": 0.62, "caucasian": 0.78}
    tone = sum(share * usual[name] for name, share in mixture.items())
    hair, length = _hair(rng, sex, age, ancestry)
    colour = _hair_colour(rng, ancestry, age)
    rgb = np.array(HAIR_COLOURS[colour][0]) * rng.uniform(0.6, 1.5) * rng.uniform(0.9, 1.1, 3)
    traits = {word: float(np.clip(rng.normal(0, 0.55), -1, 1)) for word in TRAITS}
    traits["Chubby"] = float(np.clip(rng.normal(0, 0.5) + (age - 40) / 120, -1, 1))
    traits = _moderate(traits)
    return Person(
        identity=identity,
        sex=sex,
        age=age,
        ancestry=ancestry,
        mixture=mixture,
        tone=float(np.clip(tone + rng.normal(0, 0.09), 0, 1)),
        muscle=float(np.clip(rng.normal(0.6 if male else 0.45, 0.12), 0.1, 0.95)),
        weight=float(np.clip(0.5 + 0.28 * traits["Chubby"] + rng.normal(0, 0.1), 0.1, 0.98)),
        height=float(np.clip(rng.normal(0.53, 0.05), 0.4, 0.7)),
        breast=float(rng.uniform(0.2, 0.8)),
        traits=traits,
        face=_features(rng),
        face_shape=str(rng.choice(SHAPES)),
        shape_weight=float(rng.uniform(0.0, 0.8)),
        hair=hair,
        hair_colour=colour,
        hair_rgb=tuple(np.clip(rgb, 0.004, 0.8).tolist()),
        hair_length=length,
        brow=int(rng.integers(1, 13)),
        brow_weight=float(np.exp(rng.normal(0.2 if male else 0.0, 0.3))),
        eyes=_eyes(rng, ancestry),
        beard=choose(rng, BEARDS) if male else "",
        habits=frozenset(
            habit for habit, shares in HABITS.items() if rng.random() < shares[int(male)]
        ),
        details=tuple(rng.random(16).tolist()),
    )


def _moderate(traits: Mapping[str, float]) -> dict[str, float]:
    """Return traits of which at most three are strong: faces with more look like caricatures."""
    strongest = sorted(traits, key=lambda word: -abs(traits[word]))[:3]
    weak = {word: float(np.clip(degree, -0.4, 0.4)) for word, degree in traits.items()}
    return weak | {word: traits[word] for word in strongest}


def choose(rng: np.random.Generator, table: Mapping[str, float]) -> str:
    """Return a key of a table of weights, drawn by them."""
    weights = np.array(list(table.values()), float)
    return list(table)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _hair(rng: np.random.Generator, sex: str, age: float, ancestry: str) -> tuple[str, float]:
    bald = BALD[sex] + (0.004 * max(age - 35, 0) if sex == "male" else 0)
    weights = {name: both[sex == "male"] for name, both in HAIR_STYLES.items()}
    for name in WAVY:
        weights[name] *= WAVY_FACTORS.get(ancestry, WAVY_OTHERWISE)
    style = choose(rng, weights)
    length = float(np.exp(rng.normal(0, 0.16)))
    return ("" if rng.random() < bald else style), length


def _hair_colour(rng: np.random.Generator, ancestry: str, age: float) -> str:
    shares = {
        name: of_caucasians if ancestry == "caucasian" else of_others
        for name, (_, of_others, of_caucasians) in HAIR_COLOURS.items()
    }
    shares["gray"] += 3 * float(np.clip((age - GRAY_FROM) / (GRAY_TO - GRAY_FROM), 0, 1)) ** 1.5
    return choose(rng, shares)


def _eyes(rng: np.random.Generator, ancestry: str) -> str:
    if ancestry != "caucasian":
        return str(rng.choice(["brown", "brown", "brownlight"]))
    light = ["blue", "bluegreen", "deepblue", "green", "grey", "lightblue"]
    return str(rng.choice(light if rng.random() < 0.55 else ["brown", "brownlight"]))


def _features(rng: np.random.Generator) -> dict[str, float]:
    """Return small weights by folder of targets and number; see `face.target_weights`."""
    return {f"{folder}/{n}": float(rng.normal(0, 0.26)) for folder in FEATURES for n in range(8)}


def draw_moment(person: Person, rng: np.random.Generator) -> Moment:
    """Return a moment of a person."""
    expression = choose(rng, EXPRESSIONS)
    closed = bool(rng.random() < 0.06)
    blink = 1.0 if closed else float(rng.choice([0.0, rng.uniform(0.05, 0.35)]))
    units = _units(rng, expression)
    units |= {f"eyeBlink{s}": max(blink, units.get(f"eyeBlink{s}", 0.0)) for s in ("Left", "Right")}
    worn = {habit for habit in sorted(person.habits) if rng.random() < HABITS[habit][2]}
    if "sunglasses" in worn:
        worn.discard("glasses")
    return Moment(
        expression=expression,
        units=units,
        eyes_closed=closed,
        yaw=float(np.clip(rng.normal(0, 20), -60, 60)),
        pitch=float(np.clip(rng.normal(-2, 8), -25, 25)),
        roll=float(np.clip(rng.normal(0, 6), -20, 20)),
        gaze=(float(rng.normal(0, 8)), float(rng.normal(0, 5))),
        worn=frozenset(worn),
    )


def _both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


def _units(rng: np.random.Generator, expression: str) -> dict[str, float]:
    """Return weights of ARKit's face units.

    A smile lifts the corners of the mouth and the cheeks, narrows the eyes (the Duchenne marker)
    and deepens the nasolabial folds; a grin parts the lips over the teeth besides.
    """
    if expression in ("smile", "grin"):
        strength = rng.uniform(0.7, 1.2)
        units = _both("mouthSmile", strength) | _both("cheekSquint", strength * rng.uniform(0.5, 1))
        units |= _both("eyeSquint", strength * rng.uniform(0.2, 0.7))
        units |= _both("mouthDimple", rng.uniform(0, 0.4)) | _both(
            "noseSneer", rng.uniform(0, 0.15)
        )
        if expression == "grin":
            units |= {"jawOpen": rng.uniform(0.06, 0.3)}
            units |= _both("mouthUpperUp", rng.uniform(0.4, 0.8))
            units |= _both("mouthLowerDown", rng.uniform(0.3, 0.7))
        return {name: float(w) for name, w in units.items()}
    if expression == "open":
        return {
            "jawOpen": float(rng.uniform(0.35, 0.9)),
            "mouthFunnel": float(rng.uniform(0, 0.4)),
            **_both("browOuterUp", float(rng.uniform(0, 0.6))),
        }
    if expression == "other":
        single = ["mouthPucker", "browInnerUp", "cheekPuff", "mouthLeft", "mouthRight"]
        double = ["mouthFrown", "browDown", "noseSneer", "mouthPress", "browOuterUp", "eyeWide"]
        units = {}
        for name in rng.choice(single + double, 3, replace=False):
            weight = float(rng.uniform(0.2, 0.9))
            units |= _both(name, weight) if name in double else {str(name): weight}
        return units
    return _both("mouthSmile", float(rng.uniform(0, 0.12)))
