"""Our results beside the classical baselines' on the same images, as the tables of a test."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vision_shared.panels import to_picture
from vision_shared.tables import Table
from voxel_flow.evaluation import baselines
from voxel_flow.evaluation.coherence import FlowWarping
from voxel_flow.evaluation.metrics import GroupedMean, PooledPsnr, endpoint_error, outlier_share
from voxel_flow.evaluation.protocols import CENTRE_256, Protocol, Score
from voxel_flow.evaluation.regions import REGIONS, find_regions
from voxel_flow.models import Synthesis

OURS, TRUTH = "ours", "truth"
FLOW_CELLS = {"EPE": "{:.2f}", "EPE noc": "{:.2f}", "Fl": "{:.1%}"}
COHERENCE = "warping error"


class Comparison(nn.Module):
    """Accumulates the scores of every method on the images and the flow of a test.

    Methods are `voxel_flow.evaluation.baselines.BASELINES` and ours; flow is compared with DIS and
    no motion. A batch is one of `voxel_flow.data`. Its images count where the target lies off the
    inputs' own times; its flow counts where it has ``flow``; its frames are compared with the ones
    before them where ``follows`` says that they come next.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.ModuleDict()  # "score/method"
        self.regions = nn.ModuleDict()  # by method
        self.reset()

    def reset(self, protocol: Protocol = CENTRE_256) -> None:
        """Forget everything; `update` will compute what this protocol asks for."""
        self.scores.clear()
        self.regions.clear()
        self.wanted: dict[str, Score] = {
            score.name: score for part in (protocol, *protocol.also) for score in part.scores
        }
        self.previous: dict[str, np.ndarray] = {}  # the last sample's frame by every method

    @torch.no_grad()
    def update(self, batch: Mapping[str, Tensor], result: Synthesis) -> None:
        """Score a batch."""
        if self.wanted and not bool(((batch["time"] == 0) | (batch["time"] == 1)).any()):
            images = {**classical(batch), OURS: result.image}
            self._add_images(batch, images)
            self._add_regions(batch, images)
            if "follows" in batch:
                self._add_coherence(batch, images)
        if "flow" in batch:
            self._add_flow(batch, {**classical_flow(batch), OURS: result.flow})

    def means(self) -> dict[str, float]:
        """Return our means over all images and regions, e.g. ``{"psnr": 36.2, "ssim": 0.97}``."""
        names = [name.split("/")[0] for name in self.scores if name.endswith(f"/{OURS}")]
        keys = [name.lower().replace(" ", "_").replace("-", "") for name in names]
        means = [float(self._score(name, OURS).compute()[0]) for name in names]
        scores = dict(zip(keys, means, strict=True))
        if OURS in self.regions:
            decibels = self._region(OURS).compute().tolist()
            named = zip(REGIONS, decibels, strict=True)
            scores |= {f"psnr_{name.replace(' ', '_')}": v for name, v in named if not np.isnan(v)}
        return scores

    def tables(self, clips: Sequence[str], protocol: Protocol) -> list[Table]:
        """Return a table of images for each protocol, and of coherence and flow where known."""
        tables = [
            self._image_table(clips, part, has_regions=part is protocol)
            for part in (protocol, *protocol.also)
            if part.scores and f"{part.scores[0].name}/{OURS}" in self.scores
        ]
        if f"{COHERENCE}/{OURS}" in self.scores:
            tables.append(self._coherence_table(clips))
        if f"EPE/{OURS}" in self.scores:
            tables.append(self._flow_table(clips, protocol))
        return tables

    def _add_images(self, batch: Mapping[str, Tensor], images: Mapping[str, Tensor]) -> None:
        for method, image in images.items():
            for score in self.wanted.values():
                extra = (batch["mask"],) if score.is_masked else ()
                values = score.of(image, batch["target"], *extra)
                self._add(score.name, method, values, batch["clip"])

    def _add_regions(self, batch: Mapping[str, Tensor], images: Mapping[str, Tensor]) -> None:
        parts = [batch["target"], *batch["frames"].unbind(1)]
        scenes = zip(*map(to_pictures, parts), batch["time"].tolist(), strict=True)
        found = np.stack([find_regions(*scene) for scene in scenes])
        kinds = torch.from_numpy(found).to(batch["target"].device)  # (B, R, H, W)
        for method, image in images.items():
            if method not in self.regions:
                self.regions[method] = PooledPsnr(len(REGIONS)).to(image.device)
            self._region(method).update(image, batch["target"], kinds)

    def _add_coherence(self, batch: Mapping[str, Tensor], images: Mapping[str, Tensor]) -> None:
        pictures = {m: to_pictures(i) for m, i in {TRUTH: batch["target"], **images}.items()}
        for sample, follows in enumerate(batch["follows"].tolist()):
            frames = {method: made[sample] for method, made in pictures.items()}
            if follows and self.previous:
                warping = FlowWarping(self.previous[TRUTH], frames[TRUTH])
                for method, frame in frames.items():
                    error = batch["target"].new_tensor(
                        [warping.error(self.previous[method], frame)]
                    )
                    self._add(COHERENCE, method, error, batch["clip"][sample : sample + 1])
            self.previous = frames

    def _add_flow(self, batch: Mapping[str, Tensor], flows: Mapping[str, Tensor]) -> None:
        truth, known, clip = batch["flow"], batch.get("known"), batch["clip"]
        for method, flow in flows.items():
            self._add("EPE", method, endpoint_error(flow, truth, known), clip)
            if known is not None:
                unoccluded = endpoint_error(flow, truth, batch["unoccluded"])
                self._add("EPE noc", method, unoccluded, clip)
                self._add("Fl", method, outlier_share(flow, truth, known), clip)

    def _image_table(self, clips: Sequence[str], protocol: Protocol, *, has_regions: bool) -> Table:
        cells = {score.name: score.cell for score in protocol.scores}
        columns = ["", *self._columns(clips, protocol.scores[0].name)]
        rows = [[method, *self._cells(method, cells)] for method in [*baselines.BASELINES, OURS]]
        notes = [protocol.description, *sources(protocol)]
        if has_regions:
            columns += REGIONS
            rows = [[*row, *self._region_cells(row[0])] for row in rows]
            notes.append(self._region_note())
        rows += published_rows(protocol, len(columns))
        return Table(title(cells, protocol), columns, rows, " ".join(notes))

    def _coherence_table(self, clips: Sequence[str]) -> Table:
        methods = [TRUTH, *baselines.BASELINES, OURS]
        rows = [[method, *self._cells(method, {COHERENCE: "{:.2f}"})] for method in methods]
        return Table(
            "Temporal coherence: flow-warping error in levels, of pairs of consecutive frames",
            ["", *self._columns(clips, COHERENCE)],
            rows,
            "Root mean square difference of consecutive synthesised frames along the DIS flow of "
            "the true ones, where it agrees there and back (Lai et al. 2018): means of per-pair "
            "values. What the true frames keep is noise; blur and copies lower it too.",
        )

    def _flow_table(self, clips: Sequence[str], protocol: Protocol) -> Table:
        cells = {n: cell for n, cell in FLOW_CELLS.items() if f"{n}/{OURS}" in self.scores}
        methods = [name.split("/")[1] for name in self.scores if name.startswith("EPE/")]
        rows = [[method, *self._cells(method, cells)] for method in methods]
        columns = ["", *self._columns(clips, "EPE")]
        if protocol.scores:
            return Table("Flow endpoint error in pixels per frame step, all pixels", columns, rows)
        rows += published_rows(protocol, len(columns))
        note = " ".join([protocol.description, *sources(protocol)])
        return Table(f"Flow {title(cells, protocol)}", columns, rows, note)

    def _columns(self, clips: Sequence[str], score: str) -> list[str]:
        """The clips' names and how many images of each count for our method."""
        counts = self._score(score, OURS).counts()
        return [f"{clips[group]} ({count})" for group, count in counts.items()]

    def _cells(self, method: str, formats: Mapping[str, str]) -> list[str]:
        """A cell per clip, the scores' means in each."""
        means = [self._score(name, method).compute()[1] for name in formats]
        return [
            joined(formats, values) for values in zip(*(m.values() for m in means), strict=True)
        ]

    def _region_cells(self, method: str) -> list[str]:
        decibels = self._region(method).compute().tolist()
        return ["-" if np.isnan(value) else f"{value:.2f}" for value in decibels]

    def _region_note(self) -> str:
        pixels = self._region(OURS).pixels.tolist()
        kinds = [
            f"{name}: {words} ({int(count):,} px)"
            for (name, words), count in zip(REGIONS.items(), pixels, strict=True)
        ]
        return f"Regions, PSNR in dB of the mean error of all their pixels: {'; '.join(kinds)}."

    def _add(self, score: str, method: str, values: Tensor, groups: Tensor) -> None:
        name = f"{score}/{method}"
        if name not in self.scores:
            self.scores[name] = GroupedMean().to(values.device)
        self._score(score, method).update(values, groups)

    def _score(self, name: str, method: str) -> GroupedMean:
        score = self.scores[f"{name}/{method}"]
        assert isinstance(score, GroupedMean)
        return score

    def _region(self, method: str) -> PooledPsnr:
        region = self.regions[method]
        assert isinstance(region, PooledPsnr)
        return region


def joined(formats: Mapping[str, str], values: Iterable[Tensor]) -> str:
    """Values in one cell; "-" for one that no image has."""
    cells = [
        "-" if value.isnan() else cell.format(float(value))
        for cell, value in zip(formats.values(), values, strict=True)
    ]
    return " / ".join(cells)


def title(cells: Mapping[str, str], protocol: Protocol) -> str:
    """Return the header of a column: names of the scores, name of the protocol."""
    return f"{' / '.join(cells)}, protocol {protocol.name}"


def published_rows(protocol: Protocol, width: int) -> list[list[str]]:
    """Return the published rows of a protocol, padded to ``width`` cells."""
    rows = [[f"{f.method} (published)", " / ".join(f.values)] for f in protocol.published]
    return [row + [""] * (width - len(row)) for row in rows]


def sources(protocol: Protocol) -> list[str]:
    """What the published rows are taken from, as a sentence for the note, if there are any."""
    methods: dict[str, list[str]] = {}
    for figure in protocol.published:
        methods.setdefault(figure.source, []).append(figure.method)
    found = [f"{', '.join(names)}: {source}" for source, names in methods.items()]
    return [f"Published, not measured here: {'; '.join(found)}."] if found else []


def classical(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return every baseline's images for a batch, (B, 3, H, W) in [0, 1]."""
    pairs = zip(*map(to_pictures, batch["frames"].unbind(1)), batch["time"].tolist(), strict=True)
    made = [[make(*pair) for make in baselines.BASELINES.values()] for pair in pairs]
    images = zip(baselines.BASELINES, zip(*made, strict=True), strict=True)
    return {name: _to_batch(np.stack(part), batch["frames"]) / 255 for name, part in images}


def classical_flow(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return no motion and DIS flow for a batch, (B, 2, H, W) in pixels per frame step."""
    pairs = zip(*map(to_pictures, batch["frames"].unbind(1)), strict=True)
    flow = _to_batch(np.stack([baselines.dis_flow(*pair) for pair in pairs]), batch["frames"])
    return {"no motion": torch.zeros_like(flow), "DIS flow": flow}


def to_pictures(images: Tensor) -> list[np.ndarray]:
    """(B, 3, H, W) in [0, 1] as uint8 RGB (H, W, 3) each."""
    return [to_picture(image) for image in images.float().cpu().numpy()]


def _to_batch(arrays: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(arrays).to(like.device).permute(0, 3, 1, 2).float()
