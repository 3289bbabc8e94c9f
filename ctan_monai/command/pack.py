# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Packs a trained bundle as one zip that runs without the repository: one command on a folder of images.

The zip holds weights, TorchScript and ONNX exports (checked against the network), configs with the training's values,
the wheel of ctan_monai, pinned requirements, a README for the recipient, a model card and checksums.

examples:
  ctan-monai pack openkbp --checkpoint runs/openkbp/model.pt --output openkbp.zip
  ctan-monai pack openkbp --checkpoint runs/openkbp/model.pt --output openkbp.zip --half --formats
  ctan-monai pack openkbp --checkpoint runs/openkbp/model.pt --output openkbp.zip --half --formats --zoo
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.packing import FORMATS
from ctan_monai.utils.bundles import bundle_folder, bundle_names
from ctan_monai.utils.command_line import exit_status

from .paths import refuse_missing


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", choices=bundle_names())
    parser.add_argument("--checkpoint", type=Path, required=True, help="model.pt of a training")
    parser.add_argument("--output", type=Path, required=True, help="the zip")
    parser.add_argument(
        "--training_dir",
        type=Path,
        help="folder with training.json and, after an evaluation, evaluation/ (default: the checkpoint's)",
    )
    parser.add_argument("--half", action="store_true", help="weights in half precision: half the size")
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=FORMATS, help="exports (default: both)")
    parser.add_argument(
        "--zoo",
        nargs="?",
        const="",
        metavar="URL",
        help="the form of MONAI's model zoo: the package inside the bundle, and large_files.yml, which says that the "
        "weights lie at URL (default: to be filled in)",
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: _pack(options))


def _pack(options: argparse.Namespace) -> None:
    """Pack, and say what came out."""
    refuse_missing(options.checkpoint, "Give the model.pt of a training with --checkpoint.")
    if options.training_dir is not None:
        refuse_missing(options.training_dir, "Give the folder with training.json with --training_dir.")
    from ctan_monai.packing.pack import pack_bundle

    packed = pack_bundle(
        bundle_folder(options.bundle),
        options.checkpoint,
        options.output,
        options.training_dir,
        options.half,
        options.formats,
        zoo=options.zoo,
    )
    for name, difference in packed.differences.items():
        print(f"{name} equals the network to {difference:.1g}")
    print(f"{packed.path}: {packed.path.stat().st_size / 1e6:.1f} MB")
    print(f"SHA-256 of the zip:            {packed.sha256}")
    print(f"SHA-256 of its checksums.json: {packed.digest}")
    if options.zoo is not None:
        print(
            "The zoo's check of shapes (verify_net_in_out) does not know networks with several outputs: name the "
            "bundle in its exclude_verify_shape_list."
        )
        return
    print("If you hand it on: give the recipient the digest of the zip by a separate channel, such as the telephone.")
