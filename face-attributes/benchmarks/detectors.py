"""Ready-made face detectors as yardsticks: (H, W, 3) uint8 -> boxes (N, 4), left to bottom.

None is a dependency. scikit-image's cascade is always there; the others lie in a folder each, see
`COMMANDS`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data, feature

Image8 = NDArray[np.uint8]
Detector = Callable[[Image8], NDArray[np.float64]]

COMMANDS = {
    # OpenCV 5 has no Haar cascade
    "opencv4": "pip install --no-deps --target CV4 opencv-python-headless==4.11.0.86",
    # with its weights
    "mtcnn": "pip install --no-deps --target MTCNN facenet-pytorch==2.6.0",
}
"""What brings a detector into its folder, by the option that names the folder."""

HAAR = """
import json, sys
import cv2
net = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
for line in sys.stdin:
    grey = cv2.cvtColor(cv2.imread(line.strip()), cv2.COLOR_BGR2GRAY)
    smallest = (20, 20) if min(grey.shape) < 100 else (24, 24)
    found = net.detectMultiScale(grey, 1.1, 5, minSize=smallest)
    boxes = [[int(x), int(y), int(x + w), int(y + h)] for x, y, w, h in found]
    print(json.dumps(boxes), flush=True)
"""


def local_patterns() -> Detector:
    """Return the cascade of local binary patterns that scikit-image ships."""
    cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())

    def detect(image: Image8) -> NDArray[np.float64]:
        smallest = min(40, min(image.shape[:2]))
        found = cascade.detect_multi_scale(
            image, 1.2, 1, min_size=(smallest, smallest), max_size=image.shape[:2]
        )
        return _boxes([[f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]] for f in found])

    return detect


def haar(folder: Path) -> Detector:
    """Return OpenCV's Haar cascade, run by the OpenCV 4 of a folder in a process of its own."""
    paths = f"import sys; sys.path.insert(0, {str(folder.resolve())!r})\n"
    process = subprocess.Popen(
        [sys.executable, "-c", paths + HAAR],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ask, answer = process.stdin, process.stdout

    def detect(image: Image8) -> NDArray[np.float64]:
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            Image.fromarray(image).save(file, "PNG")
            file.flush()
            ask.write(file.name + "\n")
            ask.flush()
            return _boxes(json.loads(answer.readline()))

    return detect


def mtcnn(folder: Path) -> Detector:
    """Return MTCNN (Zhang et al. 2016), trained on WIDER FACE and CelebA by its authors."""
    sys.path.insert(0, str(folder))
    net = import_module("facenet_pytorch").MTCNN(keep_all=True, min_face_size=20, device="cpu")
    return lambda image: _boxes(net.detect(Image.fromarray(image))[0])


def _boxes(found: object) -> NDArray[np.float64]:
    return np.asarray([] if found is None else found, np.float64).reshape(-1, 4)
