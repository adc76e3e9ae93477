"""`python -m synthetic_people show OUT`: a contact sheet of rendered people."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(argv)
    try:
        _show(options)
    except (ValueError, OSError) as error:
        print(f"synthetic_people: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="synthetic_people", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="write a contact sheet", description=__doc__)
    show.add_argument("out", type=Path, metavar="OUT", help="image to write, .png or .jpg")
    kind = show.add_mutually_exclusive_group()
    for name, text in (
        ("portraits", "faces of all sizes (default)"),
        ("bodies", "whole people"),
        ("motion", "whole people with optical flow to the next moment"),
    ):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=text)
    show.add_argument("-n", "--number", type=int, default=24, help="of samples (default 24)")
    show.add_argument("--size", type=int, default=128, help="of an image in pixels (default 128)")
    show.add_argument("--seed", type=int, default=0, help="of the set (default 0)")
    show.add_argument("--labels", action="store_true", help="draw boxes, landmarks, parts, flow")
    show.add_argument("--columns", type=int, help="images in a row (default: about 1500 pixels)")
    show.add_argument(
        "--backgrounds", type=Path, metavar="DIR", help="photographs without people of your own"
    )
    show.set_defaults(kind="portraits")
    return parser


def _show(options: argparse.Namespace) -> None:
    # what renders is imported late, so that --help answers at once
    from synthetic_people.dataset import Recipe, open_backgrounds, sample
    from synthetic_people.sheet import contact_sheet, labelled

    folder = None if options.backgrounds is None else str(options.backgrounds)
    recipe = Recipe(
        options.kind, options.number, options.size, options.seed, per_identity=1, backgrounds=folder
    )
    backgrounds = open_backgrounds(recipe)
    tiles = []
    for index in range(recipe.count):
        one = sample(recipe, index, backgrounds)
        tiles.append(labelled(one) if options.labels else one.image)
    columns = options.columns or max(1500 // tiles[0].shape[1], 1)
    contact_sheet(tiles, columns).save(options.out)
    print(f"{options.out}: {len(tiles)} {recipe.kind} of {recipe.size} px, seed {recipe.seed}")


if __name__ == "__main__":
    sys.exit(main())
