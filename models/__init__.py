"""The compared methods, each in a file of its own: pictures from layouts."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (where its MethodSpec is, one line); in the order tables print them. Nothing is imported before it is used.
METHODS: Mapping[str, tuple[str, str]] = {
    "spade": ("models.spade:SPADE", "SPADE (CVPR 2019): one image per layout"),
    "vspade": ("models.spade:VSPADE", "VSPADE (CVPR 2019): SPADE with one style vector per image"),
    "groupdnet": ("models.groupdnet:GROUPDNET", "GroupDNet (CVPR 2020): a style per class"),
    "inade": ("models.inade:INADE", "INADE (CVPR 2021): a style per instance"),
}
