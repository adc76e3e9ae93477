"""Searching vectors: exactly, approximately, among some, by style; and files that stay whole."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from fashion.garment import Garment
from fashion.retrieval import writing
from fashion.retrieval.building import finish
from fashion.retrieval.exact import exact_nearest, in_blocks
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.inverted import number_of_lists
from fashion.retrieval.stamps import FileStamp
from fashion.retrieval.storage import IndexFiles, Manifest, part_path, part_sizes
from fashion.retrieval.style import attribute_weights, style_scores
from fashion.retrieval.writing import Entry, describe, opened
from vision_shared.inputs import InputError
from vision_shared.prediction import ModelError

STAMP = FileStamp(size=1, modified=2, digest="3")
THUMBNAIL = np.zeros((4, 3, 3), np.uint8)
Vectors = NDArray[np.float32]


def unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clusters(number: int, dimension: int = 16, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, dimension))
    noise = rng.standard_normal((number, dimension))
    return unit(centres[rng.integers(12, size=number)] + 0.4 * noise)


def entries(
    vectors: Vectors, categories: Sequence[str] = ("Tee", "Dress"), floral: Sequence[float] = (0.9,)
) -> list[Entry]:
    made = []
    for i, vector in enumerate(vectors):
        garment = Garment(
            box=(1, 2, 30, 40),
            type=i % 3,
            score=0.5,
            landmarks=np.ones((8, 2), np.float32),
            states=np.zeros(8, np.int64),
            category=categories[i % len(categories)],
            probability=0.75,
            attributes={"floral": floral[i % len(floral)], "Maxi": float(i % 4 == 0)},
            embedding=vector,
        )
        made.append(Entry(f"/shop/{i:04d}.jpg", STAMP, garment, THUMBNAIL))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with opened(tmp_path / "index", Manifest("net.ckpt", "abc", {"side": 64}, whole=False)):
        return tmp_path / "index"


def fill(folder: Path, vectors: Vectors, lists_from: int = 10_000, **kinds: Sequence) -> str:
    with opened(folder) as writer:
        writer.add(entries(vectors, **kinds))
        return finish(writer, lists_from, sample=100)


def test_faiss_and_torch_give_identical_rows_in_any_blocks() -> None:
    vectors, queries = clusters(500), clusters(20, seed=1)
    vectors[100:104] = vectors[7]  # ties are in the order of rows
    queries[0] = vectors[7]
    whole = exact_nearest([(0, vectors)], queries, 10, faiss)
    expected = np.argsort(-(queries.astype(float) @ vectors.T), axis=1, kind="stable")
    assert np.array_equal(whole.rows[1:], expected[1:, :10])
    assert whole.rows[0, :5].tolist() == [7, 100, 101, 102, 103]
    for engine in (faiss, None):
        for size in (500, 64):
            found = exact_nearest(in_blocks(vectors, size), queries, 10, engine)
            assert np.array_equal(found.rows, whole.rows)
            assert np.allclose(found.scores, whole.scores)


def test_fewer_vectors_than_asked_for_are_no_rows() -> None:
    vectors = clusters(3)
    for engine in (faiss, None):
        found = exact_nearest([(0, vectors)], vectors[:1], 5, engine)
        assert found.rows[0, 3:].tolist() == [-1, -1]
        assert np.isneginf(found.scores[0, 3:]).all()


def test_index_gives_back_what_was_added(folder: Path) -> None:
    vectors = clusters(50)
    assert fill(folder, vectors) == "50 garments, searched exactly"
    index = GarmentIndex(folder)
    hits = index.nearest(vectors[[17]], top=3)[0]
    assert hits[0].row == 17 and hits[0].score == pytest.approx(1)
    fact = index.describe(hits)[0]
    assert fact["id"] == 17 and fact["file"] == "/shop/0017.jpg" and fact["category"] == "Dress"
    assert fact["attributes"] == {"floral": 0.9} and fact["box"] == [1, 2, 30, 40]
    assert all(path.is_file() for path in index.thumbnails(hits))
    assert len(index.nearest(vectors[[17]], top=80)[0]) == 50
    with pytest.raises(ValueError, match=r"\(Q, 16\), got \(16,\)"):
        index.nearest(vectors[0], top=1)


def test_large_index_is_approximate_and_says_how_good_it_is(folder: Path) -> None:
    vectors = clusters(3000)
    line = fill(folder, vectors, lists_from=1000)
    settings = IndexFiles(folder).manifest.inverted
    assert settings is not None and settings.num_lists == number_of_lists(3000) == 128
    assert settings.recall >= 0.97  # of 100 garments, that the tuning did not see
    assert f"{settings.num_probes} of 128 lists" in line and "of 100 garments" in line
    index, queries = GarmentIndex(folder), clusters(200, seed=1)
    exact = GarmentIndex(folder, faiss=None)
    assert exact.notices and not index.notices
    same = [
        a[0] == pytest.approx(b[0])
        for a, b in zip(index.nearest(queries, 1), exact.nearest(queries, 1), strict=True)
    ]
    assert np.mean(same) >= 0.97


def test_garments_added_to_an_approximate_index_are_found_at_once(folder: Path) -> None:
    fill(folder, clusters(1200), lists_from=1000)
    before = IndexFiles(folder).manifest.inverted
    late = clusters(20, seed=5)
    fill(folder, late, lists_from=1000)
    assert IndexFiles(folder).manifest.inverted == before  # a few are searched beside it
    index = GarmentIndex(folder)
    rows = [hits[0].row for hits in index.nearest(late, 3)]
    assert rows == list(range(1200, 1220))
    fill(folder, clusters(400, seed=6), lists_from=1000)
    after = IndexFiles(folder).manifest.inverted
    assert before is not None and after is not None and after.covers == 1620
    assert not (folder / before.file).exists()


def test_vectors_without_structure_stay_exact(folder: Path) -> None:
    noise = unit(np.random.default_rng(0).standard_normal((2000, 64)))
    assert "too unlike" in fill(folder, noise, lists_from=1000)
    assert IndexFiles(folder).manifest.inverted is None


def test_filters_are_exact_and_name_what_is_there(folder: Path) -> None:
    vectors = clusters(1500)
    fill(folder, vectors, lists_from=1000, floral=(0.9, 0.9, 0.2))
    index = GarmentIndex(folder)
    rows = index.rows_of(["dress"], ["Floral"])
    expected = [i for i in range(1500) if i % 2 == 1 and i % 3 != 2]
    assert rows.tolist() == expected
    hits = index.nearest(vectors[:1], 5, among=rows)[0]
    scores = (vectors[rows].astype(float) @ vectors[0]).argsort()[::-1][:5]
    assert [hit.row for hit in hits] == rows[scores].tolist()
    with pytest.raises(InputError, match="'flora': no attribute of this index; there is floral"):
        index.rows_of([], ["flora"])
    with pytest.raises(InputError, match="'Jeans': no category"):
        index.rows_of(["Jeans"], [])


def test_style_weighs_rare_attributes_and_reorders_looks(folder: Path) -> None:
    weights = attribute_weights(np.array([0.5, 0.01]))
    alike = style_scores(
        np.array([1, 1, 1], np.float32),
        np.array([[1, 0], [0, 1], [0, 0]], np.float32),
        np.array([1.0, 1.0]),
        weights,
    )
    common, rare = -np.log(0.5), -np.log(0.01)
    expected = [common / (common + rare), rare / (common + rare), 0]
    assert alike.tolist() == pytest.approx([(1 + x) / 2 for x in expected])

    vector = clusters(1)
    fill(folder, vector.repeat(40, 0))  # they all look alike
    index = GarmentIndex(folder)
    hits = index.similar_style(vector[0], {"floral": 0.9, "Maxi": 1.0}, top=10)
    assert [hit.row for hit in hits] == list(range(0, 40, 4))
    assert [hit.score for hit in hits] == pytest.approx([1] * 10, abs=1e-3)
    among = np.array([3, 5, 8])
    hits = index.similar_style(vector[0], {"floral": 0.9, "Maxi": 0.0}, 5, among)
    assert [hit.row for hit in hits] == [3, 5, 8]


def test_removed_garments_are_gone_and_ids_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BLOCK", 8)
    vectors = clusters(30)
    fill(folder, vectors, floral=np.linspace(0, 1, 30).tolist())
    leaves = np.zeros(30, bool)
    leaves[[0, 7, 29]] = True
    gone, attributes = IndexFiles(folder).thumbnail(7), IndexFiles(folder).attributes().copy()
    with opened(folder) as writer:
        writer.remove(leaves)
        assert not list(folder.glob("*.0.*"))
    index = GarmentIndex(folder)
    assert np.array_equal(index.files.attributes(), attributes[~leaves])
    assert len(index) == 27 and not gone.exists()
    hits = index.nearest(vectors[[8]], 27)[0]
    facts = index.describe(hits)
    assert facts[0]["id"] == 8 and facts[0]["file"] == "/shop/0008.jpg"
    assert {0, 7, 29}.isdisjoint(fact["id"] for fact in facts)
    fill(folder, vectors[:1])
    assert IndexFiles(folder).rows["id"].tolist()[-1] == 30  # never used again


def test_removing_from_a_large_index_makes_it_exact(folder: Path) -> None:
    fill(folder, clusters(1200), lists_from=1000)
    assert IndexFiles(folder).manifest.inverted is not None
    with opened(folder) as writer:
        writer.remove(np.arange(1200) < 3)
    assert IndexFiles(folder).manifest.inverted is None
    assert not list(folder.glob("inverted*"))


def test_index_of_one_garment_is_gone_on_with(tmp_path: Path) -> None:
    folder, manifest = tmp_path / "new" / "index", Manifest("a.ckpt", "abc", {}, whole=False)
    with opened(folder, manifest) as writer:
        writer.set_unfinished(["shop"])
        writer.add(entries(clusters(1)))
    with opened(folder, manifest) as writer:
        assert writer.manifest.num == 1


def test_only_a_whole_index_is_opened(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an index"), opened(tmp_path):
        pass
    manifest = Manifest("a.ckpt", "abc", {}, whole=False)
    with pytest.raises(InputError, match="is not empty"), opened(tmp_path, manifest):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    fill(folder, clusters(3))
    path = part_path(folder, "vectors", 0)
    path.unlink()
    with pytest.raises(InputError, match=path.name), opened(folder):
        pass


def test_garment_is_described_by_its_likely_attributes_likeliest_first() -> None:
    garment = replace(
        entries(clusters(1))[0].garment,
        box=(1.234, 2, 3, 4),
        type=2,
        score=0.123456,
        probability=0.98765,
        attributes={"a": 0.6, "b": 0.49, "c": 0.91234, "d": 0.5},
    )
    described = describe(garment)
    assert list(described.pop("attributes").items()) == [("c", 0.9123), ("a", 0.6), ("d", 0.5)]
    assert described == {
        "box": [1.23, 2, 3, 4],
        "type": 2,
        "score": 0.1235,
        "category": "Tee",
        "probability": 0.9877,
        "landmarks": [[1, 1]] * 8,
        "states": [0] * 8,
    }


def test_network_that_changes_is_refused(folder: Path) -> None:
    fill(folder, clusters(3))
    for broken in (clusters(1, 8), 2 * clusters(1), clusters(1) * np.nan):
        with pytest.raises(ModelError, match="embeddings"):
            fill(folder, broken)
    other = entries(clusters(1))[0]
    renamed = replace(other.garment, attributes={"plain": 0.1})
    with opened(folder) as writer, pytest.raises(ModelError, match="attributes"):
        writer.add([Entry("a.jpg", STAMP, renamed, THUMBNAIL)])
    assert len(IndexFiles(folder)) == 3


def test_what_a_killed_command_left_behind_does_not_count(folder: Path) -> None:
    vectors = clusters(10)
    fill(folder, vectors[:6])
    for kind in ("vectors", "attributes", "rows", "garments"):
        with part_path(folder, kind, 0).open("ab") as file:
            file.write(b"half of a row")
    (folder / ".index.12345678.json").write_text("{")
    assert len(GarmentIndex(folder).nearest(vectors[:1], 20)[0]) == 6
    fill(folder, vectors[6:])
    hits = GarmentIndex(folder).nearest(vectors[[9]], 20)[0]
    assert [hits[0].row, len(hits)] == [9, 10]
    assert not (folder / ".index.12345678.json").exists()
    files = IndexFiles(folder)
    assert [line["id"] for line in files.lines(range(10))] == list(range(10))
    for kind, size in part_sizes(files.manifest).items():
        assert part_path(folder, kind, 0).stat().st_size == size


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from fashion.garment import Garment
from fashion.retrieval.stamps import FileStamp
from fashion.retrieval.writing import Entry, opened
vector = np.eye(16, dtype=np.float32)[0]
garment = Garment((0, 0, 1, 1), 0, 1.0, np.zeros((8, 2), np.float32), np.zeros(8, np.int64), "Tee",
                  1.0, {"floral": 1.0, "Maxi": 0.0}, vector)
with opened(Path(sys.argv[1])) as writer:
    while True:
        entry = Entry("a.jpg", FileStamp(1, 2, "3"), garment, np.zeros((4, 4, 3), np.uint8))
        writer.add([entry] * 7)
"""


def test_index_survives_being_killed(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])
    limit = time.monotonic() + 60
    while IndexFiles(folder).manifest.num < 70 and time.monotonic() < limit:
        time.sleep(0.01)
    with pytest.raises(InputError, match="another command"), opened(folder):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    number = len(GarmentIndex(folder))
    assert number >= 70 and number % 7 == 0
    fill(folder, clusters(1, seed=3))
    index = GarmentIndex(folder)
    assert index.nearest(clusters(1, seed=3), 1)[0][0].row == number
    assert [line["id"] for line in index.files.all_lines()] == list(range(number + 1))


def test_damaged_index_is_named_in_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a garment"):
        GarmentIndex(folder)
    with pytest.raises(InputError, match="not an index"):
        GarmentIndex(tmp_path)
    fill(folder, clusters(3))
    manifest = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        GarmentIndex(folder)
    (folder / "index.json").write_text(json.dumps(manifest))
    path = part_path(folder, "vectors", 0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"vectors\.0\.f32: 191 of 192 bytes"):
        GarmentIndex(folder)
    (folder / "index.json").write_text("[]")
    with pytest.raises(InputError, match="damaged"):
        GarmentIndex(folder)


def use(folder: Path) -> None:
    index = GarmentIndex(folder)
    index.describe(index.nearest(clusters(1), 5)[0])
    index.files.vectors()


def test_files_of_an_index_are_trusted_in_nothing(folder: Path) -> None:
    fill(folder, clusters(1200), lists_from=1000)
    lists = next(folder.glob("inverted.*.lists"))
    manifest = json.loads((folder / "index.json").read_text())
    damage = {
        lists: lists.read_bytes()[:-8],
        part_path(folder, "rows", 0): b"\xff" * part_path(folder, "rows", 0).stat().st_size,
        part_path(folder, "garments", 0): b"[" * manifest["num_bytes"],
        part_path(folder, "vectors", 0): b"\xff" * (1200 * 16 * 4),
        folder / "index.json": json.dumps({**manifest, "generation": "../../x"}).encode(),
    }
    for path, content in damage.items():
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"{path}: .*build the index again"):
            use(folder)
        path.write_bytes(whole)


def test_lists_are_trusted_in_nothing(folder: Path) -> None:
    fill(folder, clusters(1200), lists_from=1000)
    lists = next(folder.glob("inverted.*.lists"))
    settings = IndexFiles(folder).manifest.inverted
    assert settings is not None
    whole, num_lists = lists.read_bytes(), settings.num_lists
    centres = len(whole) - num_lists * 16 * 4
    sizes = np.frombuffer(whole, "<i8", num_lists, centres - num_lists * 8)
    negative = bytearray(whole)
    first = 0
    for size in sizes.tolist():
        negative[first + size * 16 * 4 : first + size * (16 * 4 + 8)] = b"\xf0" * (8 * size)
        first += size * (16 * 4 + 8)
    for content, words in (
        (whole[:centres] + b"\xff" * (len(whole) - centres), "centres that are no numbers"),
        (bytes(negative), "ids that no garment has"),
    ):
        lists.write_bytes(content)
        with pytest.raises(InputError, match=f"{lists}: damaged: {words}; make the index anew"):
            use(folder)


def test_empty_list_hides_no_garment(folder: Path) -> None:
    vectors = clusters(1200)
    fill(folder, vectors, lists_from=1000)
    lists, files = next(folder.glob("inverted.*.lists")), IndexFiles(folder)
    settings = files.manifest.inverted
    assert settings is not None
    content, num_lists = bytearray(lists.read_bytes()), settings.num_lists
    at = len(content) - num_lists * (16 * 4 + 8)
    sizes = np.frombuffer(content, "<i8", num_lists, at).copy()
    sizes[:2] = 0, sizes[:2].sum()  # the first list's garments, where the second one's are
    content[at : at + 8 * num_lists] = sizes.tobytes()
    centre = np.frombuffer(content, "<f4", 16, at + 8 * num_lists).copy()
    lists.write_bytes(content)
    replace(files.manifest, inverted=replace(settings, num_probes=1)).write(folder)
    (found,) = GarmentIndex(folder).nearest(unit(centre[None]), 3)
    (expected,) = GarmentIndex(folder, faiss=None).nearest(unit(centre[None]), 3)
    assert [hit.row for hit in found] == [hit.row for hit in expected]
