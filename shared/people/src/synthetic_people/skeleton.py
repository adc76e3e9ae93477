"""The skeleton: bones, their joints in a shaped body, and linear blend skinning."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from synthetic_people import assets


@dataclass(frozen=True)
class Rig:
    """The skeleton: bones in an order in which parents come first, and the weights of vertices.

    Args:
        names, parents: (B,) name of each bone and index of its parent, -1 for the root.
        bones, bone_weights: (19158, 4) uint8 and float32, skinning of the base mesh; rows sum to 1.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    bones: np.ndarray
    bone_weights: np.ndarray
    joint_vertices: np.ndarray
    joint_start: np.ndarray

    def index(self, bone: str) -> int:
        """Return the index of a bone."""
        if bone not in self.names:
            raise ValueError(f"expected a bone of the rig, got {bone!r}")
        return self.names.index(bone)

    def joints(self, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the heads and tails (B, 3) of the bones in a body at rest (19158, 3)."""
        total = np.add.reduceat(rest[self.joint_vertices], self.joint_start[:-1])
        mean = total / np.diff(self.joint_start)[:, None]
        return mean[: len(self.names)], mean[len(self.names) :]


@functools.cache
def rig() -> Rig:
    """Return the skeleton of 163 bones, which has fingers, toes, jaw, eyes and face muscles."""
    packed = assets.arrays("rig")
    names = tuple(str(name) for name in packed["names"])
    fields = ("parents", "bones", "bone_weights", "joint_vertices")
    arrays = {field: packed[field] for field in fields}
    return Rig(names, joint_start=packed["joint_start"].astype(np.int64), **arrays)


def transforms(rest: np.ndarray, pose: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what each bone does to a body at rest, (B, 3, 4) float32: rotation and translation.

    Args:
        rest: (19158, 3) the shaped body.
        pose: rotation (3, 3) of some bones about their heads, on top of their parents', in the
            axes of the body at rest.
    """
    skeleton = rig()
    local = {skeleton.index(bone): np.asarray(rotation) for bone, rotation in pose.items()}
    heads, _ = skeleton.joints(rest)
    out = np.zeros((len(skeleton.names), 3, 4))
    out[:, :, :3] = np.eye(3)
    for bone, parent in enumerate(skeleton.parents):
        if parent >= 0:
            out[bone] = out[parent]
        if bone in local:
            turned = out[bone, :, :3] @ local[bone]
            # The head stays where the parent brought it.
            out[bone, :, 3] += (out[bone, :, :3] - turned) @ heads[bone]
            out[bone, :, :3] = turned
    return out.astype(np.float32)


@njit(cache=True, nogil=True)
def skin(
    vertices: np.ndarray, bones: np.ndarray, bone_weights: np.ndarray, transforms: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return posed vertices (N, 3): linear blend skinning of (N, 3) by 4 bones each."""
    out = np.empty_like(vertices)
    for n in range(len(vertices)):
        for i in range(3):
            total = np.float32(0)
            for k in range(4):
                m = transforms[bones[n, k], i]
                total += bone_weights[n, k] * (
                    m[0] * vertices[n, 0] + m[1] * vertices[n, 1] + m[2] * vertices[n, 2] + m[3]
                )
            out[n, i] = total
    return out
