"""`python -m synthetic_people show OUT`: a contact sheet; `... render DIR`: a set in shards."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"synthetic_people: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="synthetic_people", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="write a contact sheet")
    show.add_argument("out", type=Path, metavar="OUT", help="image to write, .png or .jpg")
    _add_recipe(show, number=24)
    show.add_argument("--labels", action="store_true", help="draw boxes, landmarks, parts, flow")
    show.add_argument("--columns", type=int, help="images in a row (default: about 1500 pixels)")
    show.set_defaults(run=_show)
    render = commands.add_parser("render", help="render a set in shards, or what is missing of it")
    render.add_argument("root", type=Path, metavar="DIR", help="folder of sets")
    _add_recipe(render, number=1000)
    render.add_argument(
        "--split", default="train", help="train, val or test: of photographs behind"
    )
    render.add_argument("--per-identity", type=int, default=6, help="images a person (default 6)")
    render.add_argument("--workers", type=int, help="processes (default: one a core)")
    render.set_defaults(run=_render)
    return parser


def _add_recipe(parser: argparse.ArgumentParser, number: int) -> None:
    kind = parser.add_mutually_exclusive_group()
    for name, text in (
        ("portraits", "faces of all sizes (default)"),
        ("faces", "one face that fills the image"),
        ("bodies", "whole people"),
        ("motion", "whole people with optical flow to the next moment"),
    ):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=text)
    parser.add_argument("-n", "--number", type=int, default=number, help=f"of samples ({number})")
    parser.add_argument("--size", type=int, default=128, help="of an image in pixels (128)")
    parser.add_argument("--seed", type=int, default=0, help="of the set (0)")
    parser.add_argument(
        "--backgrounds", metavar="DIR", help="photographs without people of your own"
    )
    parser.set_defaults(kind="portraits")


# What renders is imported late, so that --help answers at once.
def _show(options: argparse.Namespace) -> None:
    from synthetic_people.dataset import Recipe, open_backgrounds, sample
    from synthetic_people.sheet import contact_sheet, labelled

    recipe = Recipe(
        options.kind, options.number, options.size, options.seed, per_identity=1,
        backgrounds=options.backgrounds,
    )  # fmt: skip
    backgrounds = open_backgrounds(recipe)
    tiles = []
    for index in range(recipe.count):
        one = sample(recipe, index, backgrounds)
        tiles.append(labelled(one) if options.labels else one.image)
    columns = options.columns or max(1500 // tiles[0].shape[1], 1)
    contact_sheet(tiles, columns).save(options.out)
    print(f"{options.out}: {len(tiles)} {recipe.kind} of {recipe.size} px, seed {recipe.seed}")


def _render(options: argparse.Namespace) -> None:
    from synthetic_people.dataset import Recipe, render_set

    recipe = Recipe(
        options.kind, options.number, options.size, options.seed, options.split,
        options.per_identity, options.backgrounds,
    )  # fmt: skip
    print(render_set(recipe, options.root, options.workers))


if __name__ == "__main__":
    sys.exit(main())
