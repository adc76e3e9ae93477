"""Render people before a photograph: the image, and exact labels of everything in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synthetic_people.backdrop import Backdrop
from synthetic_people.camera import Camera
from synthetic_people.labels import label_person
from synthetic_people.light import Light, ShadowMap, lit_share, shadow_map
from synthetic_people.mannequin import Mannequin
from synthetic_people.mesh import Mesh, extremes, farthest
from synthetic_people.parts import BACKGROUND
from synthetic_people.photograph import Photograph, develop
from synthetic_people.raster import Fragments, rasterise
from synthetic_people.sample import Sample
from synthetic_people.shading import openness, shade
from synthetic_people.surface import visible_surface
from synthetic_people.texture import Texture

GROUND_SHADOW = 0.6  # share of a photograph's light that a shadow takes
FACTOR = 2  # samples a pixel in each direction, of colour; labels are those of pixel centres


@dataclass
class View:
    """A moment of a scene as it is seen.

    Args:
        people: posed people, in world coordinates; the ground is y = 0.
        camera: the camera.
        light: their light.
        backdrop: the photograph behind them.
        props: surfaces that belong to no one, such as what hides people from the camera.
        exposure: factor of the people's linear light, so that they fit the photograph.
        textures: textures of the props.
    """

    people: list[Mannequin]
    camera: Camera
    light: Light
    backdrop: Backdrop
    props: list[Mesh]
    exposure: float = 1.0
    textures: dict[str, Texture] = field(default_factory=dict)


@dataclass
class _Stage:
    """All meshes of a view, with the texture of each and the person (-1: none) it belongs to."""

    meshes: list[Mesh]
    textures: list[Texture | None]
    owner: np.ndarray


def render(
    view: View, how: Photograph, rng: np.random.Generator, later: View | None = None
) -> Sample:
    """Return the image of a view with its labels.

    Args:
        view: the scene.
        how: camera settings.
        rng: random generator that draws the sensor's noise.
        later: the same people, in the same order and with the same meshes, at the next moment;
            the sample then carries optical flow and occlusion.
    """
    stage = _stage(view)
    linear, fragments = _linear(view, stage)
    centre = rasterise(stage.meshes, stage.textures, view.camera)
    parts, person, garment = _maps(centre, stage, view.people)
    worn = np.cumsum([1] + [len(mannequin.garments) for mannequin in view.people])
    people = [
        label_person(number, mannequin, view.camera, centre, person, garment, int(worn[number]))
        for number, mannequin in enumerate(view.people)
    ]
    sample = Sample(
        image=develop(_shrink(linear), how, rng),
        parts=parts,
        person=person,
        garment=garment,
        edge=_edges(fragments, stage, parts),
        depth=centre.depth,
        people=people,
    )
    if later is not None:
        sample.flow, sample.occluded = _motion(view, later, stage, centre)
    return sample


def _stage(view: View) -> _Stage:
    meshes = list(view.props)
    textures = [view.textures.get(mesh.material.texture) for mesh in meshes]
    for person in view.people:
        meshes += person.meshes
        textures += [person.textures.get(mesh.material.texture) for mesh in person.meshes]
    counts = [len(view.props), *(len(person.meshes) for person in view.people)]
    return _Stage(meshes, textures, np.repeat(np.arange(-1, len(view.people)), counts))


def _linear(view: View, stage: _Stage) -> tuple[np.ndarray, Fragments]:
    """Return linear light at all samples (H f, W f, 3), and what is seen there."""
    camera, meshes, textures = view.camera, stage.meshes, stage.textures
    fragments = rasterise(meshes, textures, camera, FACTOR)
    out = view.backdrop.linear(camera.height, camera.width, FACTOR)
    if not meshes:
        return out, fragments
    centre, radius = _ball(meshes)
    shadow = shadow_map(meshes, textures, view.light, centre, radius)
    out *= _ground_shadow(view, shadow)[..., None]
    surface = visible_surface(fragments, meshes, textures, camera, FACTOR)
    distance = float(np.linalg.norm(camera.eye - centre))
    share = openness(fragments.depth, camera.focal * camera.height * FACTOR / distance, FACTOR)
    light = shade(
        surface,
        meshes,
        view.light,
        lit_share(shadow, surface.position, surface.normal),
        share.ravel()[surface.index],
        camera.eye,
    )
    out.reshape(-1, 3)[surface.index] = light * view.exposure
    return out, fragments


def _ball(meshes: Sequence[Mesh]) -> tuple[np.ndarray, float]:
    """Return centre (3,) float32 and radius in metres of a ball around all vertices."""
    corners = np.concatenate([extremes(mesh.vertices) for mesh in meshes])
    centre = (corners.max(0) + corners.min(0)) / 2
    return centre, max(float(farthest(mesh.vertices, centre)) for mesh in meshes)


def _ground_shadow(view: View, shadow: ShadowMap) -> np.ndarray:
    """Return the share of light left on the ground at y = 0 behind the people, (H f, W f)."""
    rays = view.camera.rays()  # one a pixel: shadows on the ground are soft
    down = rays[..., 1] < -0.02
    out = np.ones(rays.shape[:2], np.float32)
    if view.camera.eye[1] < 0.2 or not down.any():
        return out.repeat(FACTOR, 0).repeat(FACTOR, 1)
    ray = rays[down]
    point = np.float32(view.camera.eye) - ray * np.float32(view.camera.eye[1] / ray[:, 1:2])
    up = np.broadcast_to(np.array([0, 1, 0], np.float32), point.shape).copy()
    out[down] = 1 - GROUND_SHADOW * (1 - lit_share(shadow, point.astype(np.float32), up))
    return out.repeat(FACTOR, 0).repeat(FACTOR, 1)


def _shrink(linear: np.ndarray) -> np.ndarray:
    h, w = linear.shape[0] // FACTOR, linear.shape[1] // FACTOR
    blocks = linear.reshape(h, FACTOR, w, FACTOR, 3)
    total = blocks[:, 0, :, 0].copy()
    for row, column in list(np.ndindex(FACTOR, FACTOR))[1:]:
        total += blocks[:, row, :, column]
    return total / np.float32(FACTOR**2)


def _label_table(meshes: Sequence[Mesh]) -> tuple[np.ndarray, np.ndarray]:
    """Return part labels of all faces in a row, and where each mesh's faces begin in it."""
    rows = [np.broadcast_to(np.uint8(mesh.part), len(mesh.faces)) for mesh in meshes]
    starts = np.cumsum([0] + [len(row) for row in rows])
    return np.concatenate([*rows, np.zeros(1, np.uint8)]), starts


def _parts(fragments: Fragments, stage: _Stage) -> np.ndarray:
    table, starts = _label_table(stage.meshes)
    seen = fragments.mesh >= 0
    parts = np.full(fragments.mesh.shape, BACKGROUND, np.uint8)
    parts[seen] = table[starts[fragments.mesh[seen]] + fragments.triangle[seen]]
    return parts


def _maps(
    centre: Fragments, stage: _Stage, people: Sequence[Mannequin]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the part, person and garment of each pixel, (H, W) uint8 each."""
    person_of = np.append(stage.owner + 1, 0).astype(np.uint8)
    worn = [(n, worn) for n, mannequin in enumerate(people) for worn in mannequin.garments]
    number = {(n, name): i for i, (n, garment) in enumerate(worn, 1) for name in garment.meshes}
    garment_of = [
        number.get((owner, mesh.name), 0)
        for owner, mesh in zip(stage.owner, stage.meshes, strict=True)
    ]
    garment_of = np.array([*garment_of, 0], np.uint8)
    return _parts(centre, stage), person_of[centre.mesh], garment_of[centre.mesh]


def _edges(fragments: Fragments, stage: _Stage, parts: np.ndarray) -> np.ndarray:
    """Return which pixels hold samples of another part than their centre's."""
    samples = _parts(fragments, stage)
    h, w = parts.shape
    blocks = samples.reshape(h, FACTOR, w, FACTOR)
    return (blocks != parts[:, None, :, None]).any((1, 3))


def _motion(
    view: View, later: View, stage: _Stage, centre: Fragments
) -> tuple[np.ndarray, np.ndarray]:
    """Return optical flow (H, W, 2) to the later view and which pixels it does not show."""
    h, w = centre.depth.shape
    flow = view.backdrop.flow_to(later.backdrop, h, w)
    target = _stage(later)
    depth = np.full((h, w), np.inf, np.float64)
    y, x = np.mgrid[:h, :w]
    for index, mesh in enumerate(target.meshes):
        here = centre.mesh == index
        if not here.any():
            continue
        corners = mesh.faces[centre.triangle[here]]
        a, b = centre.corner[here].T.astype(np.float64)
        weights = np.stack([a, b, 1 - a - b], 1)
        points = np.einsum("sk,skd->sd", weights, mesh.vertices[corners].astype(np.float64))
        seen = later.camera.project(points)
        flow[here] = seen[:, :2] - np.stack([x[here], y[here]], 1) - 0.5
        depth[here] = seen[:, 2]
    after = rasterise(target.meshes, target.textures, later.camera)
    to_x, to_y = np.floor(x + 0.5 + flow[..., 0]), np.floor(y + 0.5 + flow[..., 1])
    inside = (to_x >= 0) & (to_x < w) & (to_y >= 0) & (to_y < h)
    at = to_y.clip(0, h - 1).astype(int), to_x.clip(0, w - 1).astype(int)
    hidden = np.isfinite(after.depth[at]) & (after.depth[at] < depth - HIDDEN_BY)
    return flow, hidden | ~inside


HIDDEN_BY = 0.02  # metres before a point from which on something hides it
