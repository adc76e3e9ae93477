"""Images of what the networks do, as the authors' talk shows it."""

import numpy as np

from vision_shared import panels


def titles(reference: str = "truth") -> tuple[str, ...]:
    """Name the images of `draw_sample`, for what the result is compared with."""
    return "first", "last", reference, "ours", f"ours - {reference}", "motion", "selection mask"


PANEL_TITLES = titles()


def draw_sample(
    frames: np.ndarray, target: np.ndarray, image: np.ndarray, flow: np.ndarray, weights: np.ndarray
) -> list[np.ndarray]:
    """Draw one sample as the images that `titles` names; arrays as the network's, no B."""
    ours, truth = panels.to_picture(image), panels.to_picture(target)
    return [
        panels.to_picture(frames[0]),
        panels.to_picture(frames[-1]),
        truth,
        ours,
        panels.difference_image(ours, truth),
        panels.flow_to_color(flow.transpose(1, 2, 0)),
        panels.heat_map(weights[0]),
    ]
