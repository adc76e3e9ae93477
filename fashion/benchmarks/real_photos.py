"""The shipped weights on photographs: ``python benchmarks/real_photos.py [--photos DIR]``

Prints how many garments of photographs of people are found (drawn by eye, in garments.json), in
how many photographs without people one is reported, how well a part of a garment finds the whole,
and what the embedding makes of Fashion-MNIST. Photographs are taken from the packages of registries
that hold them; how to get those that are missing is printed.
"""

import argparse
from pathlib import Path

from fashion_mnist import DEBIAN, fashion_mnist_table  # pyrefly: ignore[missing-import]

from fashion.photographs.garments import (
    background_table,
    crop_table,
    look,
    people_table,
    write_sheet,
)
from fashion.recogniser import MIN_SCORE, GarmentRecogniser
from fashion.weights import SHIPPED
from vision_shared.tables import print_tables


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default=SHIPPED, help="default: the shipped weights")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="folder of unpacked packages")
    parser.add_argument("--fashion-mnist", type=Path, default=DEBIAN, metavar="DIR")
    parser.add_argument("--split", choices=("development", "test"), default="test")
    parser.add_argument("--sheet", type=Path, help="write the photographs with what was found")
    parser.add_argument("--min-score", type=float, default=MIN_SCORE)
    options = parser.parse_args()
    recogniser = GarmentRecogniser.from_checkpoint(options.checkpoint, min_score=options.min_score)
    photographs = look(recogniser, options.split, options.photos)
    tables = [
        people_table(photographs),
        crop_table(recogniser, photographs),
        background_table(recogniser, options.split, options.photos),
    ]
    if options.sheet is not None:
        write_sheet(photographs, options.sheet)
    if options.fashion_mnist.is_dir():
        tables.append(fashion_mnist_table(recogniser, options.fashion_mnist, options.split))
    else:
        print(f"without Fashion-MNIST: {options.fashion_mnist} is not there")
    print_tables(tables)


if __name__ == "__main__":
    main()
