"""Labels of one person in an image: boxes, landmarks with visibility, garments."""

import numpy as np

from synthetic_people.camera import Camera
from synthetic_people.mannequin import Mannequin, Worn
from synthetic_people.raster import Fragments
from synthetic_people.sample import (
    GARMENT_LANDMARKS,
    OCCLUDED,
    OUTSIDE,
    VISIBLE,
    Garment,
    Labels,
)

HIDDEN_BY = 0.03  # metres before a landmark from which on something hides it; glasses do not
FACE_TURNED = (
    80.0  # degrees between a face and the direction to the camera, beyond which it is none
)
NO_BOX = (0.0, 0.0, 0.0, 0.0)
FACE_SEEN = 0.3  # least share of the face's near side that has to be visible


def label_person(
    number: int, mannequin: Mannequin, camera: Camera, centre: Fragments, person: np.ndarray,
    garment: np.ndarray, first_garment: int,
) -> Labels:  # fmt: skip
    """Return the labels of person `number`; its boxes are zeros if nothing of it is seen.

    Args:
        number: its index in the view.
        mannequin: the person.
        camera: the camera.
        centre: samples at pixel centres.
        person, garment: maps as in `sample.Sample`.
        first_garment: value of this person's first garment in the map.
    """
    skin = mannequin.mesh("skin").vertices
    points = camera.project(mannequin.face_landmarks())
    return Labels(
        identity=mannequin.identity,
        metadata=mannequin.metadata | {"face_yaw": face_yaw(mannequin, camera)},
        attributes=mannequin.attributes,
        box=extent(person == number + 1) or NO_BOX,
        head_box=_box_of_points(camera.project(skin[mannequin.head]), camera) or NO_BOX,
        face_box=_face_box(mannequin, camera, centre),
        landmarks=points[:, :2],
        visibility=visibility(points, centre.depth),
        garments=[
            label_garment(worn, first_garment + n, mannequin, camera, centre.depth, garment)
            for n, worn in enumerate(mannequin.garments)
        ],
    )


def extent(mask: np.ndarray) -> tuple[float, float, float, float] | None:
    """Return x, y, width, height of what is true in a mask (H, W), None where nothing is.

    >>> mask = np.zeros((4, 6), bool); mask[1:3, 2:6] = True
    >>> extent(mask)
    (2.0, 1.0, 4.0, 2.0)
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    x, y = float(columns[0]), float(rows[0])
    return x, y, float(columns[-1] + 1 - x), float(rows[-1] + 1 - y)


def visibility(points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return VISIBLE, OCCLUDED or OUTSIDE of projected points (N, 3) by the depth map (H, W)."""
    h, w = depth.shape
    x, y = np.floor(points[:, 0]), np.floor(points[:, 1])
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h) & (points[:, 2] > 0)
    at = y.clip(0, h - 1).astype(int), x.clip(0, w - 1).astype(int)
    hidden = depth[at] < points[:, 2] - HIDDEN_BY
    return np.where(~inside, OUTSIDE, np.where(hidden, OCCLUDED, VISIBLE)).astype(np.uint8)


def face_yaw(mannequin: Mannequin, camera: Camera) -> float:
    """Return degrees between where the face looks and the direction to the camera."""
    skin = mannequin.mesh("skin").vertices
    middle = skin[mannequin.head].mean(0)
    eyes = mannequin.eyes.mean(0)
    across = mannequin.eyes[0] - mannequin.eyes[1]
    up = eyes - skin[list(mannequin.mouth)].mean(0)
    looks = np.cross(across, up)
    to_camera = camera.eye - middle
    cosine = looks @ to_camera / (np.linalg.norm(looks) * np.linalg.norm(to_camera))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _face_box(
    mannequin: Mannequin, camera: Camera, centre: Fragments
) -> tuple[float, float, float, float] | None:
    if face_yaw(mannequin, camera) > FACE_TURNED:
        return None
    points = camera.project(mannequin.mesh("skin").vertices[mannequin.face])
    seen = visibility(points, centre.depth) == VISIBLE
    near = points[:, 2] < np.median(points[:, 2]) + 0.02
    if seen[near].mean() < FACE_SEEN:
        return None
    return _box_of_points(points, camera)


def _box_of_points(points: np.ndarray, camera: Camera) -> tuple[float, float, float, float] | None:
    """Return the box of projected points, not clipped; None where all lie outside of the image."""
    x0, y0 = points[:, :2].min(0)
    x1, y1 = points[:, :2].max(0)
    if x1 < 0 or y1 < 0 or x0 > camera.width or y0 > camera.height or points[:, 2].min() <= 0:
        return None
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def label_garment(
    worn: Worn, number: int, mannequin: Mannequin, camera: Camera, depth: np.ndarray,
    garment: np.ndarray,
) -> Garment:  # fmt: skip
    """Return the labels of a garment, the `number`-th of the image (from 1)."""
    landmarks = np.full((len(GARMENT_LANDMARKS), 2), np.nan)
    visible = np.full(len(GARMENT_LANDMARKS), OUTSIDE, np.uint8)
    for row, name in enumerate(GARMENT_LANDMARKS):
        if name not in worn.landmarks:
            continue
        mesh, vertex = worn.landmarks[name]
        point = camera.project(mannequin.mesh(mesh).vertices[[vertex]])
        landmarks[row] = point[0, :2]
        visible[row] = visibility(point, depth)[0]
    return Garment(
        item=worn.item,
        category=worn.category,
        kind=worn.kind,
        attributes=worn.attributes,
        box=extent(garment == number) or NO_BOX,
        landmarks=landmarks,
        visibility=visible,
    )
