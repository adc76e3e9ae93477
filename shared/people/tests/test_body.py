import numpy as np
import pytest

from synthetic_people import assets, body

KINDS = (
    "hair",
    "brows",
    "lashes",
    "eyes",
    "teeth",
    "tongue",
    "shoes",
    "hat",
    "glasses",
)
EXTREMES = [
    {"sex": sex, "age": age, "muscle": muscle, "weight": weight, "height": height, "cup": cup}
    for sex, age, muscle, weight, height, cup in (
        (0, 10, 0, 0, 0, 0), (1, 10, 1, 1, 1, 1), (0, 90, 1, 1, 0, 1), (1, 90, 0, 0, 1, 0),
        (0.5, 40, 0, 1, 0, 1), (0, 25, 0, 1, 1, 1), (1, 25, 1, 0, 0, 0),
    )
]  # fmt: skip


def rotation(axis: str, degrees: float) -> np.ndarray:
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    out = np.eye(3)
    out[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return out


def height(vertices: np.ndarray) -> float:
    skin = vertices[np.unique(body.group_faces("body")[0])]
    return float(np.ptp(skin[:, 1]))


def test_the_base_mesh_is_a_person_in_metres_who_looks_along_z():
    vertices, rig = body.base_vertices(), body.rig()
    assert 1.5 < height(vertices) < 1.9
    heads, _ = rig.joints(vertices)
    assert heads[rig.index("eye.L"), 0] > 0 > heads[rig.index("eye.R"), 0]
    assert heads[rig.index("eye.L"), 2] > heads[rig.index("head"), 2]
    assert heads[rig.index("head"), 1] > heads[rig.index("foot.L"), 1] > body.ground(vertices)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        # First vertices of the meshes as their authors stored them, in metres.
        ("hair/afro01", [[0.04267, 0.77665, 0.13235], [0.03285, 0.78186, 0.13766]]),
        ("glasses/glasses", [[0.03488, 0.72076, 0.15006], [0.03485, 0.74299, 0.14951]]),
    ],
)
def test_fitting_to_the_base_mesh_gives_the_vertices_of_the_author(name, stored):
    fitted = body.fit(name, body.base_vertices())
    np.testing.assert_allclose(fitted.vertices[:2], stored, atol=3e-5)


def test_fitted_meshes_grow_with_the_body():
    small, tall = (body.shape(body.phenotype(height=h, age=a)) for h, a in ((0, 10), (1, 25)))
    for name in ("hair/bob01", "hat/fedora", "shoes/shoes01"):
        span = [np.ptp(body.fit(name, rest).vertices, axis=0) for rest in (small, tall)]
        assert (span[1] > 1.02 * span[0]).all(), name


def test_all_meshes_of_the_pack_are_whole_and_lie_near_the_body():
    rest = body.base_vertices()
    for kind in KINDS:
        for name in assets.names(kind):
            mesh = body.fit(name, rest)
            n = len(mesh.vertices)
            assert mesh.faces.max() < n and mesh.face_uv.max() < len(mesh.uv), name
            assert mesh.bones.shape == mesh.bone_weights.shape == (n, 4), name
            np.testing.assert_allclose(mesh.bone_weights.sum(1), 1, atol=1e-5)
            gap = np.abs(mesh.vertices - rest[body.fitting(name).ref].mean(1)).max()
            assert gap < 0.7, f"{name} is {gap} m away"
            assert assets.image(mesh.material.texture).size


@pytest.mark.parametrize("person", EXTREMES)
def test_extreme_people_have_finite_bodies_and_clothes(person):
    rest = body.shape(body.phenotype(**person))
    assert np.isfinite(rest).all()
    assert 0.8 < height(rest) < 2.5
    moved = body.transforms(rest, {"upperarm01.L": rotation("z", -60), "head": rotation("y", 40)})
    for name in ("hair/long01", "eyes/eyes", "shoes/shoes03"):
        mesh = body.fit(name, rest)
        posed = body.skin(mesh.vertices, mesh.bones, mesh.bone_weights, moved)
        assert np.isfinite(posed).all()
        assert np.abs(posed).max() < 2


def test_all_targets_at_once_move_the_body_and_leave_it_finite():
    weights = dict.fromkeys(body.target_names(), 0.05)
    assert np.isfinite(body.shape(weights)).all()


def test_phenotype_weights_of_a_kind_sum_to_one():
    weights = body.phenotype(
        sex=0.3, age=47, muscle=0.7, weight=0.2, ancestry={"asian": 3, "african": 1}
    )
    of_ancestry = {n: w for n, w in weights.items() if "asian" in n or "african" in n}
    assert sum(of_ancestry.values()) == pytest.approx(1)
    assert sum(w for n, w in of_ancestry.items() if "asian" in n.split("-")[0]) == pytest.approx(
        0.75
    )
    assert sum(w for n, w in weights.items() if "universal" in n) == pytest.approx(1)


def test_phenotype_says_what_its_words_say():
    def measure(**person) -> tuple[float, float]:
        rest = body.shape(body.phenotype(**person))
        waist = body.group_faces("helper-tights")[0]
        return height(rest), float(np.ptp(rest[np.unique(waist)][:, 2]))

    assert measure(age=10)[0] < measure(age=25)[0] - 0.2
    assert measure(height=0)[0] < measure(height=0.5)[0] < measure(height=1)[0]
    assert measure(weight=0)[1] < measure(weight=0.5)[1] < measure(weight=1)[1]
    assert measure(sex=0)[0] < measure(sex=1)[0]


@pytest.mark.parametrize("person", [{"age": 5}, {"weight": 1.5}, {"muscle": -0.1}])
def test_phenotype_outside_its_range_raises(person):
    with pytest.raises(ValueError, match="expected"):
        body.phenotype(**person)


def test_shape_adds_targets_in_proportion_and_refuses_unknown_ones():
    base = body.base_vertices()
    once, twice = (body.shape({"nose/nose-hump-incr": w}) - base for w in (0.5, 1.0))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-6)
    assert np.abs(twice).max() > 0.001
    with pytest.raises(ValueError, match="no/such"):
        body.shape({"no/such": 1.0})


def test_units_move_their_own_side_of_the_face():
    base = body.base_vertices()
    moved = np.linalg.norm(body.shape({"unit/mouthSmileLeft": 1.0}) - base, axis=1)
    corner = {side: moved[np.sign(base[:, 0]) == side].max() for side in (1, -1)}
    assert corner[1] > 0.008 and corner[1] > 3 * corner[-1]


def test_a_bone_moves_its_vertices_about_its_head_and_no_others():
    rest, rig = body.base_vertices(), body.rig()
    turn = rotation("y", 90)
    posed = body.skin(rest, rig.bones, rig.bone_weights, body.transforms(rest, {"head": turn}))
    heads, _ = rig.joints(rest)
    pivot = heads[rig.index("head")]
    eye = body.fit("eyes/eyes", rest)
    eyes = body.skin(
        eye.vertices, eye.bones, eye.bone_weights, body.transforms(rest, {"head": turn})
    )
    np.testing.assert_allclose(eyes, (eye.vertices - pivot) @ turn.T + pivot, atol=1e-4)
    below = np.unique(body.group_faces("body")[0])
    below = below[rest[below, 1] < heads[rig.index("spine02"), 1]]
    np.testing.assert_allclose(posed[below], rest[below], atol=1e-6)


def test_a_child_bone_turns_on_top_of_its_parent():
    rest, rig = body.base_vertices(), body.rig()
    upper, lower = rotation("z", -40), rotation("x", 30)
    moved = body.transforms(rest, {"upperarm01.L": upper, "lowerarm01.L": lower})
    heads, _ = rig.joints(rest)
    elbow, shoulder = heads[rig.index("lowerarm01.L")], heads[rig.index("upperarm01.L")]
    np.testing.assert_allclose(moved[rig.index("wrist.L"), :, :3], upper @ lower, atol=1e-6)
    moved_elbow = moved[rig.index("lowerarm01.L")] @ np.append(elbow, 1)
    np.testing.assert_allclose(moved_elbow, upper @ (elbow - shoulder) + shoulder, atol=1e-5)


def test_clothes_hide_the_skin_below_them():
    rest = body.base_vertices()
    bare = body.body_mesh(rest, "skin/young_asian_male")
    worn = body.hidden("shoes/winter_boots")
    dressed = body.body_mesh(rest, "skin/young_asian_male", worn)
    assert worn.any() and len(dressed.faces) < len(bare.faces)
    head = body.rig().joints(rest)[0][body.rig().index("neck03"), 1] + 0.05
    for mesh in (bare, dressed):
        assert (rest[mesh.faces][..., 1].min(1) > head).sum() > 3000


def test_masks_lie_where_their_names_say():
    rest = body.base_vertices()
    centre = {
        k: (body.mask(k)[:, None] * rest).sum(0) / body.mask(k).sum()
        for k in ("lips", "eyelids", "scalp")
    }
    assert centre["lips"][1] < centre["eyelids"][1] < centre["scalp"][1]
    assert centre["scalp"][2] < centre["lips"][2]
    with pytest.raises(ValueError, match="lips"):
        body.mask("elbow")


def test_a_squint_slides_the_lids_over_the_eyeball_and_not_into_it():
    person = body.phenotype(sex=1, ancestry={"african": 1})
    squint = {
        f"unit/{unit}{side}": 0.8
        for unit in ("cheekSquint", "eyeSquint")
        for side in ("Left", "Right")
    }
    neutral, squinting = body.shape(person), body.shape(person | squint)
    skin = np.unique(body.group_faces("body")[0])
    eye = np.unique(body.group_faces("helper-l-eye")[0])
    centre = neutral[eye].mean(0)
    radius = np.linalg.norm(neutral[eye] - centre, axis=1).mean()
    before, after = (np.linalg.norm(rest[skin] - centre, axis=1) for rest in (neutral, squinting))
    assert (after >= np.minimum(before, 1.05 * radius) - 1e-5).all()
    assert np.linalg.norm(squinting[skin] - neutral[skin], axis=1).max() > 0.003
