"""Faces from the response of networks that were never shown a box.

A response map is read as the paper has it (Liu et al. 2015, section 3.1): windows are proposed and
scored, peaks of the map tell faces apart, and a threshold that faces and backgrounds have set
decides whether there is any.
"""

from face_attributes.localize.cascade import Localisation, Localizer
from face_attributes.localize.crops import crop_regions
from face_attributes.localize.pyramid import PyramidSearch
from face_attributes.localize.symmetry import fit_offset
from face_attributes.localize.threshold import Decision, fit_threshold
from face_attributes.localize.windows import WindowRule

__all__ = [
    "Decision",
    "Localisation",
    "Localizer",
    "PyramidSearch",
    "WindowRule",
    "crop_regions",
    "fit_offset",
    "fit_threshold",
]
