"""Where the data sets are from: addresses, sums, licences, and what to ask for behind a form.

CelebA's authors keep it on Google Drive, which refuses popular files once a day's quota is used up.
Sums are those that torchvision (MD5) and TensorFlow Datasets (SHA-256) have measured of it. No file
was fetched for this table.
"""

from pathlib import Path

from vision_shared.downloads import File
from vision_shared.prepare import Source

_PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_LICENCE = "research that is not commercial; not to be passed on"


def _drive(number: str) -> str:
    """Return the address of a file of Google Drive, without its question about viruses."""
    return f"https://drive.usercontent.google.com/download?id={number}&export=download&confirm=t"


def _list(name: str, number: str, digest: str, num_bytes: int | None = None) -> File:
    folder = "Eval" if "partition" in name else "Anno"
    return File(name, f"{folder}/{name}", _drive(number), digest, num_bytes, is_archive=False)


_LISTS = (
    _list(
        "list_attr_celeba.txt",
        "0B7EVK8r0v71pblRyaVFSWGxPY0U",
        "sha256:f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0",
        26_721_026,
    ),
    _list(
        "list_eval_partition.txt",
        "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
        "sha256:fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7",
        2_836_386,
    ),
    _list(
        "list_bbox_celeba.txt",
        "0B7EVK8r0v71pbThiMVRxWXZ4dU0",
        "md5:00566efa6fedff7a56946cd1c10f1c16",
    ),
    _list(
        "identity_CelebA.txt",
        "1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
        "md5:32bd1bd63d3c78cd57e08160ec5ed1e2",
    ),
)

SOURCES = {
    "celeba": Source(
        Path("data/celeba"),
        _PAGE,
        _LICENCE,
        (
            File(
                "img_align_celeba.zip",
                "Img/img_align_celeba",
                _drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM"),
                "sha256:46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
                1_443_490_838,
                into="Img",
            ),
            _list(
                "list_landmarks_align_celeba.txt",
                "0B7EVK8r0v71pd0FJY3Blby1HUTQ",
                "sha256:6c02a87569907f6db2ba99019085697596730e8129f67a3d61659f198c48d43b",
                12_156_055,
            ),
            *_LISTS,
        ),
        checks=("celeba",),
    ),
    "celeba-wild": Source(
        Path("data/celeba"),
        _PAGE,
        _LICENCE,
        (
            File("img_celeba", "Img/img_celeba"),
            _list(
                "list_landmarks_celeba.txt",
                "0B7EVK8r0v71pTzJIdlJWdHczRlU",
                "md5:063ee6ddb681f96bc9ca28c6febb9d1a",
            ),
            *_LISTS,
        ),
        request="get the folder img_celeba.7z of In-The-Wild Images, join its parts by `7z x "
        "img_celeba.7z.001` and put its folder img_celeba below Img",
        checks=("celeba-wild",),
    ),
    "lfwa": Source(
        Path("data/lfwa"),
        _PAGE,
        _LICENCE,
        (
            File("lfw_att_40.mat", "lfw_att_40.mat", is_archive=False),
            File("indices_train_test.mat", "indices_train_test.mat", is_archive=False),
            File("lfw", "lfw"),
        ),
        request="get LFWA+ and unpack it, so that there are lfw_att_40.mat, lfw_att_73.mat (for "
        "lfwa-73), indices_train_test.mat and the folder lfw with a folder for each person",
        checks=("lfwa",),
    ),
}
"""The data sets that ``prepare`` knows, by their names."""
