"""Where the data sets are from: addresses, sums, licences, and what to ask for behind a form.

The archives of DeepFashion and DeepFashion2 are encrypted; who has filled in the form is sent the
password, for which the command asks. Sums of Fashion-MNIST are those that TensorFlow Datasets has
measured. No file was fetched for this table.
"""

from pathlib import Path

from vision_shared.downloads import File
from vision_shared.prepare import Source

_PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html"
_LICENCE = "research that is not commercial; not to be passed on"
_MNIST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"


def _benchmark(title: str, name: str, check: str) -> Source:
    """Return the source of a benchmark of DeepFashion, whose images are one encrypted archive."""
    return Source(
        Path("data/deepfashion") / name,
        _PAGE,
        _LICENCE,
        (File("img.zip", "Img/img", into="Img"),),
        request=f"agree to the terms, ask for the password of {title}, and get its folders Anno "
        "and Eval as they are, and Img/img.zip",
        checks=(check,),
    )


def _mnist(name: str, digest: str, num_bytes: int) -> File:
    return File(name, name, f"{_MNIST}/{name}", f"sha256:{digest}", num_bytes, is_archive=False)


SOURCES = {
    "cap": _benchmark("Category and Attribute Prediction", "cap", "cap"),
    "cap_fine": _benchmark("Category and Attribute Prediction", "cap", "cap_fine"),
    "inshop": _benchmark("In-shop Clothes Retrieval", "inshop", "inshop"),
    "consumer2shop": _benchmark(
        "Consumer-to-shop Clothes Retrieval", "consumer2shop", "consumer2shop"
    ),
    "fld": _benchmark("Fashion Landmark Detection", "fld", "fld"),
    "deepfashion2": Source(
        Path("data/deepfashion2"),
        "https://github.com/switchablenorms/DeepFashion2",
        _LICENCE,
        (File("train.zip", "train/annos"), File("validation.zip", "validation/annos")),
        request="fill in the form for the password, and get train.zip and validation.zip",
        checks=("deepfashion2",),
    ),
    "fashion-mnist": Source(
        Path("data/fashion-mnist"),  # of fashion/benchmarks/real_photos.py
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT",
        (
            _mnist(
                "train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            _mnist(
                "train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            _mnist(
                "t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            _mnist(
                "t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
    ),
}
"""The data sets that ``prepare`` knows, by their names."""
