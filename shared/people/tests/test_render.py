"""Labels against the image: masks cover what was drawn, flow leads to the next frame."""

from dataclasses import replace

import numpy as np
import pytest

from mannequins import make_mannequin, view_of
from synthetic_people.mannequin import Mannequin
from synthetic_people.parts import FACE, PARTS
from synthetic_people.photograph import Photograph
from synthetic_people.render import View, render
from synthetic_people.sample import OCCLUDED, OUTSIDE, VISIBLE, Sample

CLEAN = Photograph()


def rendered(view: View, later: View | None = None) -> Sample:
    return render(view, CLEAN, np.random.default_rng(0), later)


@pytest.fixture(scope="module")
def alone(mannequin: Mannequin) -> Sample:
    return rendered(view_of([mannequin]))


def test_masks_cover_what_was_drawn(mannequin: Mannequin, alone: Sample) -> None:
    empty = rendered(view_of([])).image.astype(int)
    changed = np.abs(alone.image.astype(int) - empty).max(-1) > 24
    person = alone.person > 0
    # shadows on the ground and anti-aliased borders aside, what changed is the person
    assert (changed & person).sum() > 0.9 * person.sum()
    inside = person & ~alone.edge
    assert inside.sum() > 0.6 * person.sum()
    assert np.isfinite(alone.depth[person]).all()
    assert np.isinf(alone.depth[~person]).all()


def test_every_label_is_a_part_and_a_dressed_person_has_several(alone: Sample) -> None:
    found = {PARTS[value] for value in np.unique(alone.parts)}
    assert {"background", "face", "skin"} < found
    assert found & {"upper", "dress"}
    assert set(np.unique(alone.garment)) - {0}
    assert alone.garment.max() <= len(alone.people[0].garments)


def test_boxes_are_the_extents_of_masks(alone: Sample) -> None:
    label = alone.people[0]
    ys, xs = np.nonzero(alone.person == 1)
    assert label.box == (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1)
    for number, garment in enumerate(label.garments, 1):
        ys, xs = np.nonzero(alone.garment == number)
        if len(xs):
            assert garment.box == (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1)


def test_face_landmarks_lie_on_the_face(alone: Sample) -> None:
    label = alone.people[0]
    assert label.face_box is not None
    x, y, width, height = label.face_box
    assert (label.landmarks >= (x - 1, y - 1)).all()
    assert (label.landmarks <= (x + width + 1, y + height + 1)).all()
    left_eye, right_eye, nose, mouth_left, mouth_right = label.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert mouth_left[0] < mouth_right[0]
    assert left_eye[1] < nose[1] < mouth_left[1]


def test_a_person_behind_another_is_occluded(mannequin: Mannequin) -> None:
    behind = make_mannequin(8, "standing").moved(np.array([0.0, 0.0, -1.0]))
    both = rendered(view_of([mannequin, behind], size=128))
    alone = rendered(view_of([behind], size=128))
    assert (both.person == 2).sum() < 0.6 * (alone.person == 1).sum()
    seen = both.people[1].visibility
    assert (seen == OCCLUDED).sum() > (alone.people[0].visibility == OCCLUDED).sum()


def test_landmarks_out_of_the_frame_are_outside(mannequin: Mannequin) -> None:
    view = view_of([mannequin])
    camera = replace(view.camera, target=np.array([0.0, 0.3, 0.0]), focal=4.0)
    label = rendered(replace(view, camera=camera)).people[0]
    assert (label.visibility == OUTSIDE).all()
    assert label.face_box is None
    assert label.box[3] > 0


def test_a_face_that_is_turned_away_has_no_box(mannequin: Mannequin) -> None:
    label = rendered(view_of([mannequin.moved(np.zeros(3), np.pi)])).people[0]
    assert label.face_box is None
    assert label.box[3] > 0


def test_flow_warps_a_frame_into_the_next(mannequin: Mannequin) -> None:
    """A shift of the camera: what the flow reads from the next frame is this one, 40 dB or more."""
    first = view_of([mannequin], size=160)
    # a turn by a whole number of pixels at the depth of the person leaves nothing to interpolate
    metres = 4.0 / (first.camera.focal * 160) * 3
    shift = np.array([metres, 0.0, 0.0])
    moved = replace(first.camera, eye=first.camera.eye + shift, target=first.camera.target + shift)
    backdrop = replace(first.backdrop, shift=(3.0, 0.0))
    later = replace(first, camera=moved, backdrop=backdrop)
    sample, after = rendered(first, later), rendered(later)
    assert sample.flow is not None
    assert sample.occluded is not None
    y, x = np.mgrid[:160, :160]
    xy = np.rint(np.dstack([x, y]) + sample.flow).astype(int)
    keep = ~sample.occluded & ~sample.edge & (np.abs(sample.flow + np.array([3, 0])).max(-1) < 0.25)
    keep &= (xy >= 0).all(-1) & (xy < 160).all(-1)
    assert keep.mean() > 0.75
    read = after.image[xy[keep, 1], xy[keep, 0]].astype(float)
    error = np.mean((read - sample.image[keep]) ** 2)
    assert 10 * np.log10(255**2 / error) >= 40


def test_flow_of_a_person_that_walks_away_is_exact_at_landmarks(mannequin: Mannequin) -> None:
    step = np.array([0.05, 0.02, 0.1])
    first, later = view_of([mannequin]), view_of([mannequin.moved(step)])
    sample, after = rendered(first, later), rendered(later)
    assert sample.flow is not None
    label = sample.people[0]
    for point, goal, seen in zip(
        label.landmarks, after.people[0].landmarks, label.visibility, strict=True
    ):
        x, y = np.floor(point).astype(int)
        if seen == VISIBLE and sample.parts[y, x] == FACE:
            assert sample.flow[y, x] == pytest.approx(goal - point, abs=0.35)


def test_what_moves_behind_another_is_occluded_next(mannequin: Mannequin) -> None:
    other = make_mannequin(8, "standing").moved(np.array([0.35, 0.0, -0.8]))
    later = [mannequin, other.moved(np.array([-0.2, 0.0, 0.0]))]
    sample = rendered(view_of([mannequin, other]), view_of(later))
    assert sample.occluded is not None
    assert sample.occluded[sample.person == 2].sum() > 20
    assert sample.occluded[(sample.person == 1) & ~sample.edge].mean() < 0.05
