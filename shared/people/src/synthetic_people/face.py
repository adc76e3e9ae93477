"""The head of a person: shape, expression, colours of the skin, and landmarks."""

import functools
from collections.abc import Mapping

import numpy as np

from synthetic_people import assets, body
from synthetic_people.person import OPPOSITES, TRAITS, Moment, Person
from synthetic_people.texture import to_linear

# linear RGB of skin by tone, darkest to lightest (cheeks in even light)
TONES = np.array(
    [
        (0.035, 0.017, 0.011),
        (0.11, 0.052, 0.030),
        (0.24, 0.125, 0.075),
        (0.42, 0.255, 0.175),
        (0.60, 0.42, 0.33),
    ],
    np.float32,
)
PALE_FROM = 0.86  # tone from which skin is called pale
OVAL_FROM = 0.55  # weight of head-oval from which a face is called oval

# factors of the skin's colour
BARE_LIPS = np.array([1.0, 0.72, 0.72], np.float32)
BLUSH = np.array([1.15, 0.62, 0.66], np.float32)
EYESHADOW = np.array([0.5, 0.4, 0.5], np.float32)


def target_weights(person: Person) -> dict[str, float]:
    """Return weights of the base mesh's shape targets for a person."""
    weights = body.phenotype(
        sex=1.0 if person.sex == "male" else 0.0,
        age=person.age,
        muscle=person.muscle,
        weight=person.weight,
        height=person.height,
        cup=person.breast,
        ancestry=person.mixture,
    )
    weights = dict(weights)
    for word, targets in TRAITS.items():
        for name, gain in targets.items():
            _add_signed(weights, name, gain * person.traits[word])
    for name, weight in _details(person).items():
        weights[name] = weights.get(name, 0.0) + weight
    weights[f"head/head-{person.face_shape}"] = person.shape_weight
    return weights


def _add_signed(weights: dict[str, float], name: str, weight: float) -> None:
    """Add a signed weight to a pair of targets, for both sides of the face where it has sides."""
    for plus, minus in _opposite_targets(name):
        chosen = plus if weight >= 0 else minus
        weights[chosen] = weights.get(chosen, 0.0) + abs(weight)


@functools.cache
def _opposite_targets(name: str) -> tuple[tuple[str, str], ...]:
    """Return the target that a signed weight above 0 and the one that one below 0 stands for."""
    folder, _, stem = name.partition("/")
    found = [
        (f"{full}-{plus}", f"{full}-{minus}")
        for full in (name, f"{folder}/l-{stem}", f"{folder}/r-{stem}")
        for plus, minus in OPPOSITES.items()
        if {f"{full}-{plus}", f"{full}-{minus}"} <= _known()
    ]
    if not found:
        raise ValueError(f"expected the name of a pair of shape targets, got {name!r}")
    return tuple(found)


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(body.target_names())


@functools.cache
def _free_targets(folder: str) -> tuple[tuple[str, ...], ...]:
    """Return the targets of a folder that only tell people apart; left and right go together."""
    taken = {name for targets in TRAITS.values() for name in targets}
    groups: dict[str, list[str]] = {}
    for name in body.target_names(folder):
        stem = name.split("/", 1)[1]
        key = stem[2:] if stem[:2] in ("l-", "r-") else stem
        if ("trans" in key and folder in ("head", "neck")) or "age" in key or "pointed" in key:
            continue
        if f"{folder}/{key.rsplit('-', 1)[0]}" not in taken and key not in _SHAPE_TARGETS:
            groups.setdefault(key, []).append(name)
    return tuple(tuple(names) for names in groups.values())


_SHAPE_TARGETS = {
    f"head-{shape}"
    for shape in (
        "oval",
        "round",
        "rectangular",
        "square",
        "triangular",
        "diamond",
        "invertedtriangular",
    )
}


def _details(person: Person) -> dict[str, float]:
    """Return weights of features that no word names, from the person's own numbers."""
    weights: dict[str, float] = {}
    for key, weight in person.face.items():
        folder, number = key.split("/")
        groups = _free_targets(folder)
        # a number spreads over the folder by a stride that shares no factor with its length
        group = groups[(int(number) * 7919 + person.identity * 104729) % len(groups)]
        for name in group:
            weights[name] = weights.get(name, 0.0) + abs(weight)
    return weights


def rest_shape(person: Person) -> np.ndarray:
    """Return the body at rest with a neutral face, (19158, 3) metres."""
    return body.shape(target_weights(person))


def expressed(rest: np.ndarray, moment: Moment) -> np.ndarray:
    """Return a body at rest with the face of a moment."""
    return (
        rest + body.shape({f"unit/{n}": w for n, w in moment.units.items()}) - body.base_vertices()
    )


# ------------------------------------------------------------------------------ where things are
@functools.cache
def regions() -> Mapping[str, np.ndarray]:
    """Return soft masks per vertex of the base mesh, (19158,) float32 in [0, 1].

    "head", "scalp", "crown" (the scalp, fading far from the hairline),
    "lips", "eyelids", "cheeks", "full" (beard), "mustache", "goatee", "sideburns".
    They are laid out on the neutral base mesh and go along with any shape and expression.
    """
    v = body.base_vertices()
    on = np.zeros(len(v), bool)
    on[np.unique(body.group_faces("body")[0])] = True
    rig = body.rig()
    of_head = np.isin(rig.bones, [i for i, n in enumerate(rig.names) if n == "head" or _is_face(n)])
    head = np.where(of_head, rig.bone_weights, 0).sum(1) * on
    lips = body.mask("lips") * on
    mouth = v[lips > 0.5].mean(0)
    width = np.ptp(v[lips > 0.5, 0])
    d = v - mouth
    nose = v[nose_tip()]
    chin_y = v[on & (head > 0.5) & (abs(v[:, 0]) < 0.002) & (d[:, 2] > -0.035), 1].min()
    eye_y = body.base_vertices()[joint_rows("joint-l-eye")][:, 1].mean()

    below_nose = _ramp(nose[1] - 0.006 - v[:, 1], 0, 0.005)
    jaw = _ramp(v[:, 1], chin_y - 0.025, chin_y - 0.005) * below_nose * _ramp(d[:, 2], -0.11, -0.08)
    jaw = jaw * (head > 0.3) * np.where(d[:, 1] > 0.005, _ramp(abs(d[:, 0]), 0.025, 0.045), 1)
    burns = _ramp(d[:, 2], -0.125, -0.11) * _ramp(-d[:, 2], 0.068, 0.085) * (head > 0.5)
    burns = burns * _ramp(d[:, 1], -0.015, 0.0) * _ramp(eye_y + 0.005 - v[:, 1], 0, 0.01)
    mustache = below_nose * _ramp(d[:, 1], -0.002, 0.002) * _ramp(d[:, 2], -0.03, -0.02)
    mustache = mustache * _ramp(0.62 * width - abs(d[:, 0]), 0, 0.006)
    goatee = _ramp(-0.005 - d[:, 1], 0, 0.005) * jaw * _ramp(0.55 * width - abs(d[:, 0]), 0, 0.006)
    bare = (1 - np.clip(lips * 1.5, 0, 1)) * on
    cheeks = np.exp(-(((abs(d[:, 0]) - 0.042) / 0.016) ** 2) - ((d[:, 1] - 0.032) / 0.014) ** 2)
    top = np.maximum(_ramp(v[:, 1], eye_y + 0.045, eye_y + 0.055), _ramp(-d[:, 2], 0.115, 0.13))
    crown = np.maximum(_ramp(v[:, 1], eye_y + 0.045, eye_y + 0.1), _ramp(-d[:, 2], 0.115, 0.17))
    out = {
        "head": head,
        "scalp": head * top * _ramp(v[:, 1], eye_y - 0.06, eye_y - 0.045) * (1 - body.mask("ears")),
        "crown": head * crown * _ramp(v[:, 1], eye_y - 0.06, eye_y - 0.01),
        "lips": lips,
        "eyelids": body.mask("eyelids") * on,
        "cheeks": cheeks * (d[:, 2] > -0.06) * on,
        "full": np.maximum(np.maximum(jaw, 0.45 * burns), mustache) * bare,
        "mustache": mustache * bare,
        "goatee": np.maximum(mustache, goatee) * bare,
        "sideburns": burns * bare,
    }
    return {name: values.astype(np.float32) for name, values in out.items()}


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((x - low) / (high - low), 0, 1)


def _is_face(bone: str) -> bool:
    stems = (
        "jaw",
        "oris",
        "levator",
        "risorius",
        "special",
        "orbicularis",
        "oculi",
        "temporalis",
        "tongue",
        "eye",
    )
    return bone.startswith(stems)


@functools.cache
def joint_rows(group: str) -> np.ndarray:
    """Return the vertices of a helper cube around a joint."""
    return np.unique(body.group_faces(group)[0])


@functools.cache
def nose_tip() -> int:
    """Return the vertex at the tip of the nose."""
    v = body.base_vertices()
    lips = v[(body.mask("lips") > 0.5)]
    rows = np.unique(body.group_faces("body")[0])
    near = rows[
        (abs(v[rows, 0]) < 0.002)
        & (v[rows, 1] > lips[:, 1].mean())
        & (v[rows, 1] < lips[:, 1].mean() + 0.1)
    ]
    return int(near[v[near, 2].argmax()])


@functools.cache
def mouth_corners() -> tuple[int, int]:
    """Return the vertices at the person's left and right corner of the mouth."""
    v = body.base_vertices()
    rows = np.flatnonzero(regions()["lips"] > 0.5)
    return int(rows[v[rows, 0].argmax()]), int(rows[v[rows, 0].argmin()])


@functools.cache
def head_rows() -> np.ndarray:
    """Return the vertices of the skull, neck left out."""
    return np.flatnonzero((regions()["head"] > 0.6) & (body.base_vertices()[:, 1] > _chin_y()))


@functools.cache
def _chin_y() -> float:
    v, head = body.base_vertices(), regions()["head"]
    mouth_z = v[regions()["lips"] > 0.5, 2].mean()
    front = (head > 0.5) & (abs(v[:, 0]) < 0.004) & (v[:, 2] > mouth_z - 0.035)
    return float(v[front, 1].min())


@functools.cache
def body_rows() -> np.ndarray:
    """Return the vertices of the body itself, helper surfaces left out."""
    return np.unique(body.group_faces("body")[0])


@functools.cache
def region_faces(region: str, least: float, every: bool = False) -> np.ndarray:
    """Return whether each face of the body (F,) has a corner, or `every` one, in a region."""
    inside = regions()[region][body.group_faces("body")[0]] > least
    reduced = np.all if every else np.any
    return np.asarray(reduced(inside, axis=1))


@functools.cache
def face_rows() -> np.ndarray:
    """Return the vertices of the face from brows to chin and from cheek to cheek."""
    v = body.base_vertices()
    eye = v[joint_rows("joint-l-eye")].mean(0)
    inside = (v[:, 1] < eye[1] + 0.030) & (v[:, 1] > _chin_y() - 0.002) & (v[:, 2] > eye[2] - 0.055)
    return np.flatnonzero(inside & (regions()["head"] > 0.5))


# ------------------------------------------------------------------------------ colour
def skin_name(person: Person) -> str:
    """Return the skin of the pack that fits a person's age, ancestry and sex."""
    age = "young" if person.age < 38 else "middleage" if person.age < 58 else "old"
    stem = f"skin/{age}_{person.ancestry}_{person.sex}"
    names = [name for name in assets.names("skin") if name.startswith(stem)]
    return names[int(person.details[0] * len(names))]


def tone_colour(tone: float) -> np.ndarray:
    """Return the linear RGB (3,) of skin of a tone in [0, 1]."""
    stops = np.linspace(0, 1, len(TONES))
    return np.array([np.interp(tone, stops, TONES[:, c]) for c in range(3)], np.float32)


@functools.cache
def _mean_skin(name: str) -> np.ndarray:
    """Return the mean linear RGB of a skin where cheeks are."""
    image = assets.image(name)
    uv_of = np.zeros(body.NUM_VERTICES, np.int64)
    faces, face_uv = body.group_faces("body")
    uv_of[faces] = face_uv
    uv = body.base_uv()[uv_of[regions()["cheeks"] > 0.4]]
    h, w = image.shape[:2]
    x, y = (
        (uv[:, 0] * w).astype(int).clip(0, w - 1),
        ((1 - uv[:, 1]) * h).astype(int).clip(0, h - 1),
    )
    return to_linear(image[y, x, :3] / 255).mean(0)


def skin_tint(person: Person, moment: Moment) -> np.ndarray:
    """Return factors (19158, 3) of the skin's texture: tone, beard shadow, make-up."""
    tint = np.broadcast_to(
        tone_colour(person.tone) / _mean_skin(skin_name(person)), (body.NUM_VERTICES, 3)
    )
    tint = tint.astype(np.float32).copy()
    hair = np.array(person.hair_rgb, np.float32) / tone_colour(person.tone)
    shadow = {"stubble": 0.6, "goatee": 0.75, "mustache": 0.75, "full": 0.75, "sideburns": 0.7}
    if person.beard:
        region = "full" if person.beard == "stubble" else person.beard
        _mix(tint, regions()[region] * shadow[person.beard], hair.clip(0, 1.2))
    if person.hair:
        _mix(tint, regions()["scalp"] * 0.55, hair.clip(0, 1.0))
    strength = person.details[1]
    if "lipstick" in moment.worn:
        shade = _LIPSTICKS[int(person.details[2] * len(_LIPSTICKS))]
        _mix(
            tint,
            regions()["lips"] * (0.45 + 0.5 * strength),
            shade / tone_colour(person.tone),
            absolute=True,
        )
    else:
        _mix(tint, regions()["lips"] * 0.25, BARE_LIPS)
    if "blush" in moment.worn:
        _mix(tint, regions()["cheeks"] * (0.4 + 0.4 * strength), BLUSH)
    if "eyeshadow" in moment.worn:
        _mix(tint, regions()["eyelids"] * (0.3 + 0.5 * strength), EYESHADOW)
    return tint


_LIPSTICKS = np.array(
    [
        (0.42, 0.03, 0.05),
        (0.30, 0.02, 0.05),
        (0.55, 0.12, 0.16),
        (0.45, 0.10, 0.22),
        (0.22, 0.03, 0.06),
    ],
    np.float32,
)


def _mix(tint: np.ndarray, share: np.ndarray, factor: np.ndarray, absolute: bool = False) -> None:
    """Move factors by a share towards `factor` times themselves, or towards skin times it."""
    share = share[:, None]
    tint *= 1 + share * (factor - 1) if not absolute else 1
    if absolute:
        base = tint[:1].copy()
        tint *= 1 - share
        tint += share * base * factor
