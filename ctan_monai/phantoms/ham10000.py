# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""HAM10000 phantoms: synthetic dermoscopic images in the release's own files, with visible diagnoses."""

from __future__ import annotations

import argparse
import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from ctan_monai.data.ham10000.metadata import CLASSES
from ctan_monai.data.preparation.phantom_marker import mark_as_phantom
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir, write_atomic

__all__ = ["PhantomImage", "make_ham10000_image", "run", "write_ham10000_phantom"]

_SIZE = (450, 600)  # height and width, as in the release
_FEWEST = 3 * len(CLASSES)  # lesions: one of each class for each section
_IMAGES_A_LESION = (1, 2, 1, 3, 1)  # repeats; in the release, too, some lesions have several images
_FIRST = 24306  # the release's first number
_BYTES_PER_IMAGE = 60_000
# color of the lesion, color of its pattern; the pattern's share and grain (sigma in pixels)
_LOOKS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], float, float]] = {
    "akiec": ((214, 120, 110), (238, 205, 190), 0.45, 6.0),  # red with white scale
    "bcc": ((205, 165, 160), (95, 105, 135), 0.30, 14.0),  # pearly with blue-gray nests
    "bkl": ((150, 105, 70), (225, 200, 150), 0.25, 3.0),  # brown with small yellowish cysts
    "df": ((165, 110, 90), (240, 220, 210), 0.0, 1.0),  # brown with a white center
    "mel": ((70, 45, 45), (25, 25, 45), 0.50, 20.0),  # dark, with blue-black blotches
    "nv": ((130, 85, 60), (105, 65, 45), 0.40, 2.0),  # evenly brown
    "vasc": ((170, 30, 50), (110, 10, 60), 0.35, 12.0),  # red and purple lagoons
}


@dataclass(frozen=True)
class PhantomImage:
    """An image, uint8 (450, 600, 3), its mask, bool (450, 600), and its diagnosis."""

    image: np.ndarray
    mask: np.ndarray
    dx: str


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this phantom."""
    images = write_ham10000_phantom(arguments.output, arguments.patients, arguments.seed, arguments.zip)
    mark_as_phantom(arguments.output)
    print(f"Wrote {images} phantom images of {arguments.patients} lesions to {arguments.output}.")


def write_ham10000_phantom(output: Path | str, lesions: int, seed: int = 0, zipped: bool = False) -> int:
    """Writes a phantom release: two parts of JPEG images, PNG masks and the metadata.

    Args:
        output: folder, made when needed.
        lesions: their number, at least 21; the classes take turns. Some have two or three images.
        seed: same seed, same images.
        zipped: zips in place of folders.

    Returns:
        number of images.

    Raises:
        ValueError: too few lesions.
        DataError: the output cannot be written, or holds other data already.
    """
    if lesions < _FEWEST:
        raise ValueError(f"lesions is {lesions}, expected at least {_FEWEST}: one of each class for each section.")
    output = Path(output)
    listed = [(n, view) for n in range(lesions) for view in range(_IMAGES_A_LESION[n % len(_IMAGES_A_LESION)])]
    names = [f"ISIC_{_FIRST + position:07d}" for position in range(len(listed))]
    metadata = output / "HAM10000_metadata.csv"
    table = _table(listed, names)
    if metadata.is_file() and metadata.read_text() != table:
        raise DataError(f"{output}: holds another phantom or release already. Give a new --output, or remove it.")
    prepare_output_dir(output, len(listed) * _BYTES_PER_IMAGE / 1e6, "--output")

    def files() -> Iterator[tuple[str, str, bytes]]:
        for position in tqdm(range(len(listed)), desc="Writing HAM10000 phantom", unit="image"):
            number, view = listed[position]
            made = make_ham10000_image(number, view, seed)
            part = 1 + (position >= len(listed) // 2)
            picture = Image.fromarray(made.image)
            yield f"HAM10000_images_part_{part}", f"{names[position]}.jpg", _encode(picture, "JPEG")
            folder = "HAM10000_segmentations_lesion_tschandl"
            mask = Image.fromarray(made.mask.astype(np.uint8) * 255)
            yield folder, f"{names[position]}_segmentation.png", _encode(mask, "PNG")

    try:
        (_write_zips if zipped else _write_folders)(output, files())
        write_atomic(metadata, table)
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error.strerror}). Free some space and repeat.") from error
    return len(listed)


def make_ham10000_image(number: int, view: int = 0, seed: int = 0) -> PhantomImage:
    """Makes one image of a lesion, which depends on its number, the view and the seed alone.

    The lesion is of another color and texture for each diagnosis; its outline, size, place and the skin vary. Views
    of one lesion differ in place and turn, as the release's do.
    """
    dx = CLASSES[number % len(CLASSES)]
    lesion = np.random.default_rng([seed, number])
    radius, ratio, waves = lesion.uniform(60, 150), lesion.uniform(0.65, 1.0), lesion.uniform(-0.08, 0.08, (4, 2))
    skin = np.array([226, 178, 160]) + lesion.uniform(-18, 18, 3)
    tone = lesion.uniform(-12, 12, 3)
    rng = np.random.default_rng([seed, number, view])
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    dy, dx_ = y - _SIZE[0] * rng.uniform(0.4, 0.6), x - _SIZE[1] * rng.uniform(0.4, 0.6)
    angle = np.arctan2(dy, dx_) + rng.uniform(0, 2 * np.pi)
    edge = 1 + sum(a * np.sin((k + 2) * angle) + b * np.cos((k + 2) * angle) for k, (a, b) in enumerate(waves))
    distance = np.hypot(dx_, dy) / (radius * edge * (1 - (1 - ratio) * np.sin(angle) ** 2))
    mask = distance < 1

    color, pattern, share, grain = _LOOKS[dx]
    noise = _smooth_noise(rng, grain)
    spots = (noise > np.quantile(noise[mask], 1 - share)) if share else distance < 0.35
    inside = np.where(spots[..., None], np.array(pattern), np.array(color)) + tone
    opacity = np.clip((1.04 - distance) / 0.08, 0, 1)[..., None]  # the rim fades
    image = skin * (1 - opacity) + inside * opacity
    image = image + 4 * _smooth_noise(rng, 40.0)[..., None] + rng.normal(0, 3, (*_SIZE, 1))
    return PhantomImage(np.clip(image, 0, 255).astype(np.uint8), mask, dx)


def _smooth_noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Gaussian noise of a grain of sigma pixels, mean 0 and standard deviation about 1; made coarse, then enlarged."""
    step = max(1, int(sigma // 2))
    coarse = rng.standard_normal([-(-n // step) for n in _SIZE]).astype(np.float32)
    smooth = gaussian_filter(coarse, sigma / step)
    return np.asarray(Image.fromarray(smooth / smooth.std()).resize(_SIZE[::-1], Image.Resampling.BILINEAR))


def _table(listed: list[tuple[int, int]], names: list[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"])
    for (number, _), name in zip(listed, names, strict=True):
        age = "" if number % 20 == 19 else f"{30 + 5 * (number % 10)}.0"
        sex = ("male", "female")[number % 2]
        writer.writerow([f"HAM_{number:07d}", name, CLASSES[number % len(CLASSES)], "histo", age, sex, "back"])
    return text.getvalue()


def _encode(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, quality=90)
    return stream.getvalue()


def _write_folders(output: Path, files: Iterator[tuple[str, str, bytes]]) -> None:
    for folder, name, content in files:
        (output / folder).mkdir(exist_ok=True)
        (output / folder / name).write_bytes(content)


def _write_zips(output: Path, files: Iterator[tuple[str, str, bytes]]) -> None:
    """The images lie flat in their zips, the masks in a folder, with macOS's companions: as in the official files."""
    archives: dict[str, zipfile.ZipFile] = {}
    try:
        for folder, name, content in files:
            if folder not in archives:
                archives[folder] = zipfile.ZipFile(output / f"{folder}.zip", "w")
            flat = "images" in folder
            archives[folder].writestr(name if flat else f"{folder}/{name}", content)
            if not flat:
                archives[folder].writestr(f"__MACOSX/{folder}/._{name}", b"Mac OS X")
    finally:
        for archive in archives.values():
            archive.close()
