"""The classes of CIHP_PGN (Gong et al., ECCV 2018), a TensorFlow program, and how they merge to DeepFashion's eight.

GroupDNet's paper names the eight; which of the 20 form each is a third party's reading, the order that of the released
label maps.
"""

from __future__ import annotations

from collections.abc import Mapping

DEEPFASHION = ("background", "hair", "face", "top clothes", "bottom clothes", "skin", "shoes", "socks")
MERGED: Mapping[str, str] = {  # in CIHP's order, number 0 first -> class of DeepFashion
    "background": "background",
    "hat": "hair",
    "hair": "hair",
    "glove": "top clothes",
    "sunglasses": "face",
    "upper-clothes": "top clothes",
    "dress": "top clothes",
    "coat": "top clothes",
    "socks": "socks",
    "pants": "bottom clothes",
    "torso-skin": "skin",
    "scarf": "top clothes",
    "skirt": "bottom clothes",
    "face": "face",
    "left arm": "skin",
    "right arm": "skin",
    "left leg": "skin",
    "right leg": "skin",
    "left shoe": "shoes",
    "right shoe": "shoes",
}
CLASSES = tuple(MERGED)
TO_DEEPFASHION = tuple(DEEPFASHION.index(name) for name in MERGED.values())  # number in CIHP -> number in DeepFashion
