"""Clothes on bodies: landmarks, cuts, layers, extremes."""

from dataclasses import replace

import numpy as np
import pytest

from synthetic_people import body
from synthetic_people.camera import Camera
from synthetic_people.design import design, item_number
from synthetic_people.garments import dress
from synthetic_people.outfit import Outfit, outfit
from synthetic_people.parts import BAG, DRESS, LOWER, SHOES, UPPER
from synthetic_people.raster import rasterise
from synthetic_people.shell import down_level, joints
from synthetic_people.wardrobe import NAMES

MARKS = {
    "upper": {"collar", "sleeve", "hem"},
    "lower": {"waistline", "hem"},
    "full": {"collar", "sleeve", "waistline", "hem"},
}
SHOES_OF = "shoes01"


@pytest.fixture(scope="module")
def rest():
    return body.base_vertices().copy()


def plain(category, index=0, **changes):
    """A design of a category with some numbers changed."""
    return replace(design(item_number(category, index)), **changes)


def dressed(rest, *designs, **changes):
    return dress(Outfit("casual", designs, **changes), rest)


def point(clothes, worn, mark):
    mesh, vertex = worn.landmarks[mark]
    return next(m for m in clothes.meshes if m.name == mesh).vertices[vertex]


@pytest.mark.parametrize("name", NAMES)
def test_every_category_has_the_landmarks_of_its_kind(rest, name):
    for index in (0, 4, 8):
        clothes = dressed(rest, plain(name, index))
        worn = clothes.worn[0]
        assert set(worn.landmarks) == {
            f"{side}_{mark}" for side in ("left", "right") for mark in MARKS[worn.kind]
        }
        for mark in MARKS[worn.kind]:
            left, right = (
                point(clothes, worn, f"left_{mark}"),
                point(clothes, worn, f"right_{mark}"),
            )
            assert left[0] < 0 < right[0]  # the left of the image of a person who faces it
            assert abs(left[1] - right[1]) < 0.03
        assert {m.name for m in clothes.meshes} >= set(worn.meshes)


@pytest.mark.parametrize("level", [0.14, 0.2, 0.24, 0.4])
def test_hems_lie_at_their_level(rest, level):
    clothes = dressed(rest, plain("tee", hem=level, loose=0.3))
    for side in ("left", "right"):
        y = point(clothes, clothes.worn[0], f"{side}_hem")[1]
        assert down_level(np.array(y)) == pytest.approx(level, abs=0.04)


@pytest.mark.parametrize(("name", "level"), [("jeans", 1.9), ("shorts", 0.8), ("skirt", 0.9)])
def test_legs_and_skirts_end_at_their_level(rest, name, level):
    clothes = dressed(rest, plain(name, hem=level))
    y = point(clothes, clothes.worn[0], "left_hem")[1]
    assert down_level(np.array(y)) == pytest.approx(level, abs=0.05)


def test_sleeve_landmarks_lie_at_the_level_of_the_sleeve(rest):
    start, end = joints()["upperarm01.L"], joints()["wrist.L"]
    axis = end - start
    for level in (0.3, 0.6, 0.95):
        clothes = dressed(rest, plain("tee", sleeve=level, loose=0.2))
        along = (point(clothes, clothes.worn[0], "right_sleeve") - start) @ axis / (axis @ axis)
        assert along == pytest.approx(level, abs=0.05)


def test_landmarks_lie_on_the_edge_of_the_cloth(rest):
    clothes = dressed(rest, plain("tee", hem=0.2))
    for name, vertex in clothes.worn[0].landmarks.values():
        mesh = next(m for m in clothes.meshes if m.name == name)
        assert mesh.cut is not None
        assert abs(mesh.cut[vertex]) < 0.013


def area(meshes, part, textures, rest):
    """Pixels of a part, seen from in front."""
    middle = (rest.max(0) + rest.min(0)) / 2
    camera = Camera(middle + np.array([0.0, 0.0, 4.0]), middle, 2.0, 160, 160)
    seen = rasterise(meshes, [textures.get(m.material.texture) for m in meshes], camera)
    return int(
        np.isin(seen.mesh, [n for n, m in enumerate(meshes) if np.all(m.part == part)]).sum()
    )


def test_longer_sleeves_and_hems_cover_more(rest):
    sizes, skin = [], []
    for sleeve in (-0.1, 0.3, 0.6, 0.95):
        clothes = dressed(rest, plain("tee", sleeve=sleeve, parts=()))
        sizes.append(area(clothes.meshes, UPPER, clothes.textures, rest))
        skin.append(int(clothes.hidden.sum()))
    assert sizes == sorted(sizes)
    assert skin == sorted(skin)
    assert sizes[-1] > 1.2 * sizes[0]
    skirts = [dressed(rest, plain("skirt", hem=hem)) for hem in (0.6, 1.0, 1.6)]
    sizes = [area(s.meshes, DRESS, s.textures, rest) for s in skirts]
    assert sizes[0] * 1.3 < sizes[1] < sizes[2]


def test_deeper_necklines_lie_lower(rest):
    lowest = []
    for depth in (0.0, 0.5, 1.0):
        clothes = dressed(rest, plain("tee", neck="v", depth=depth, collar="", parts=()))
        mesh = clothes.meshes[0]
        assert mesh.cut is not None
        edge = (np.abs(mesh.vertices[:, 0]) < 0.02) & (mesh.vertices[:, 2] > 0.05) & (mesh.cut > 0)
        lowest.append(mesh.vertices[edge, 1].max())
    assert lowest[0] > lowest[1] > lowest[2]


def test_layers_keep_their_order(rest):
    """A closed jacket hides the shirt below it, and the shirt the waist of the trousers."""
    jacket = plain("jacket", open=0.0, hem=0.3)
    shirt, jeans = plain("tee", hem=0.28, sleeve=0.3), plain("jeans", rise=0.05)
    clothes = dressed(rest, jacket, shirt, jeans)
    middle = (rest.max(0) + rest.min(0)) / 2
    camera = Camera(middle + np.array([0.0, 0.0, 4.0]), middle, 2.0, 240, 240)
    textures = [clothes.textures.get(m.material.texture) for m in clothes.meshes]
    seen = rasterise(clothes.meshes, textures, camera)
    owner = np.array([m.name.split("_")[0] for m in clothes.meshes] + ["none"])[seen.mesh]
    hem = camera.project(point(clothes, clothes.worn[0], "left_hem")[None])[0, 1]
    above = np.arange(240)[:, None] < hem - 3
    shirt_seen, jeans_seen = ((owner == f"garment{n}") & above for n in (1, 2))
    assert jeans_seen.sum() == 0
    assert shirt_seen.sum() < 0.02 * ((owner == "garment0") & above).sum() + 30


def test_parts_and_names(rest):
    clothes = dressed(
        rest, plain("coat"), plain("dress"), shoes=SHOES_OF, bag="backpack", held="cup", scarf=True
    )
    parts = {m.name: int(m.part) for m in clothes.meshes}
    assert len(parts) == len(clothes.meshes)  # names are unique
    assert parts["garment0_coat"] == UPPER
    assert parts["garment1_dress"] == parts["garment1_dress.skirt"] == DRESS
    assert parts["shoes"] == SHOES
    assert parts["bag"] == parts["bag.strap"] == parts["cup"] == BAG
    assert parts["scarf"] == UPPER
    assert [w.category for w in clothes.worn] == ["coat", "dress"]
    lower = dressed(rest, plain("tee"), plain("jeans"))
    assert {int(m.part) for m in lower.meshes} == {UPPER, LOWER}


def test_the_head_and_hands_stay_bare(rest):
    clothes = dressed(rest, plain("sweater", neck="turtleneck", sleeve=0.98), plain("jeans"))
    rig = body.rig()
    strongest = rig.bones[np.arange(len(rest)), rig.bone_weights.argmax(1)]
    bare = [n for n, name in enumerate(rig.names) if name.startswith(("finger", "jaw", "oculi"))]
    skin = np.unique(body.group_faces("body")[0])
    assert not clothes.hidden[skin][np.isin(strongest[skin], bare)].any()


def test_dressing_is_deterministic(rest):
    clothes = outfit(np.random.default_rng(3), "female", 30, "cold")
    first, second = dress(clothes, rest), dress(clothes, rest)
    for a, b in zip(first.meshes, second.meshes, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.vertices, b.vertices)


EXTREMES = [
    {"sex": 1.0, "age": 25.0, "weight": 1.0, "muscle": 0.0, "height": 0.0},
    {"sex": 0.0, "age": 90.0, "weight": 0.0, "muscle": 1.0, "height": 1.0},
    {"sex": 0.0, "age": 10.0, "weight": 0.5, "height": 0.0},
    {"sex": 0.0, "age": 30.0, "weight": 1.0, "cup": 1.0, "firmness": 0.0, "proportions": 0.0},
]


@pytest.mark.parametrize("who", EXTREMES)
def test_extreme_bodies_can_be_dressed(who):
    rest = body.shape(body.phenotype(**who))
    rng = np.random.default_rng(0)
    for n in range(8):
        sex, season = ("female", "male")[n % 2], ("warm", "cold")[n // 4]
        clothes = dress(outfit(rng, sex, 30, season), rest)
        for mesh in clothes.meshes:
            assert np.isfinite(mesh.vertices).all(), mesh.name
            assert mesh.faces.min() >= 0
            assert mesh.faces.max() < len(mesh.vertices)
            assert mesh.face_uv.max() < len(mesh.uv)
            assert mesh.face_uv.shape == mesh.faces.shape
            np.testing.assert_allclose(mesh.bone_weights.sum(1), 1, atol=1e-4)
            assert mesh.material.texture in clothes.textures or not mesh.material.texture
            for array in (mesh.cut, mesh.tint, mesh.rest):
                assert array is None or len(array) == len(mesh.vertices)
        for worn in clothes.worn:
            for name, vertex in worn.landmarks.values():
                assert vertex < len(next(m for m in clothes.meshes if m.name == name).vertices)
