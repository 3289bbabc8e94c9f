# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Pre-trained weights of the trunk: ImageNet (torchvision's published files) in 2D, MedicalNet in 3D."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import torch
from monai.networks.nets.resnet import get_pretrained_resnet_medicalnet
from monai.utils import OptionalImportError

from .trunk import Trunk

__all__ = ["load_pretrained"]

logger = logging.getLogger(__name__)

URL = "https://download.pytorch.org/models/"
# torchvision's IMAGENET1K_V1 weights; the name ends in the hash that torch.hub checks
FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
}
CLASSIFIERS = ("fc.", "conv_seg.")  # heads such files may hold; the trunk has none
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue from 0 to 1
State = dict[str, torch.Tensor]


def load_pretrained(trunk: Trunk, pretrained: bool | str | Path, unit_input: bool = False) -> None:
    """Loads pre-trained weights into a trunk and logs how many tensors matched.

    With the conv3x3 stem all but the first convolution is loaded: its norm too, whose scales are those that stage 1 was
    trained on. For a number of image channels other than the file's the first kernel is summed (one channel) or
    repeated and rescaled. MedicalNet's ResNet-18 and 34 have no parameters in their shortcuts; ours stay as they are.

    Args:
        trunk: the trunk to fill.
        pretrained: False does nothing; True downloads the published weights of the trunk's backbone through
            ``torch.hub`` (2D) or from the Hugging Face Hub as MONAI does (3D, needs ``huggingface_hub``); a path reads
            such a file.
        unit_input: whether the trunk will see images from 0 to 1 that nothing normalizes, see ``fold_normalization``.

    Raises:
        FileNotFoundError: where the path holds no file.
        RuntimeError: where the download fails.
        ValueError: where the file does not hold the weights of this backbone, or none are published for it.
    """
    if pretrained is False:
        return
    if trunk.backbone not in FILES or trunk.width != 1:
        name = trunk.backbone if trunk.width == 1 else f"{trunk.backbone} with {trunk.width:g} times its channels"
        raise ValueError(f"No weights are published for {name}: set pretrained=False, or use {', '.join(FILES)}.")
    if pretrained is True:
        source, state = download(trunk.backbone, trunk.spatial_dims)
    else:
        source, state = str(pretrained), read(Path(pretrained))
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    state = {name: tensor for name, tensor in state.items() if not name.startswith(CLASSIFIERS)}
    own = trunk.state_dict()
    # counters of batches, which torchvision's older files lack, are not weights
    expected = {name: tensor for name, tensor in own.items() if not name.endswith("num_batches_tracked")}
    found = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    check(source, trunk, expected, found)
    if trunk.stem_name == "conv3x3":
        del found["conv1.weight"]
    else:
        if unit_input and trunk.spatial_dims == 2:
            fold_normalization(found)
        found["conv1.weight"] = adapt_channels(found["conv1.weight"], own["conv1.weight"].shape[1])
    trunk.load_state_dict(found, strict=False)
    note = " (the 3x3 stem's convolution starts from random weights)" if trunk.stem_name == "conv3x3" else ""
    logger.info("Pre-trained %s: matched %d of %d tensors%s.", source, len(found), len(expected), note)


def download(backbone: str, spatial_dims: int) -> tuple[str, State]:
    """Fetches published weights; returns where they are from, and them."""
    url = URL + FILES[backbone] if spatial_dims == 2 else f"MedicalNet {backbone} (Hugging Face Hub, TencentMedicalNet)"
    try:
        if spatial_dims == 2:
            return url, torch.hub.load_state_dict_from_url(
                url, map_location="cpu", check_hash=True, weights_only=True, progress=False
            )
        return url, get_pretrained_resnet_medicalnet(int(backbone.removeprefix("resnet")))
    except OptionalImportError as error:
        raise RuntimeError(
            "pretrained=True in 3D needs the package huggingface_hub: pip install huggingface_hub."
        ) from error
    except Exception as error:  # each library has errors of its own for "offline"
        raise RuntimeError(
            f"Could not fetch pre-trained weights from {url} ({error}). Download that file where there is a network "
            "and pass its path as pretrained, or set pretrained=False to start from random weights."
        ) from error


def read(path: Path) -> State:
    """Reads a file of weights: a state dict, or a dict that holds one under ``state_dict``."""
    if not path.is_file():
        raise FileNotFoundError(f"No file of pre-trained weights at {path}: pass the path of one, True or False.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a file of PyTorch weights ({type(error).__name__}).") from error
    if isinstance(state, dict):
        state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError(f"{path} holds no state dict: found {type(state).__name__}, expected names and tensors.")
    return state


def check(source: str, trunk: Trunk, expected: State, found: State) -> None:
    """Raises ValueError where the tensors found are not those of this trunk's backbone."""
    missing = set(expected) - set(found)
    if trunk.spatial_dims == 3 and trunk.backbone in ("resnet18", "resnet34"):
        missing = {name for name in missing if ".downsample." not in name}
    problems = [f"no {name}, expected {tuple(expected[name].shape)}" for name in sorted(missing)]
    problems += [f"found {name}, expected no such tensor" for name in sorted(set(found) - set(expected))]
    for name in sorted(set(expected) & set(found)):
        here, there = tuple(expected[name].shape), tuple(found[name].shape)
        if name == "conv1.weight":  # channels are adapted, and the 3x3 stem leaves the file's 7x7 kernel out
            here = here[0], *there[1:2], *[7] * trunk.spatial_dims
        if here != there:
            problems.append(f"found {name} {there}, expected {here}")
    if problems:
        raise ValueError(
            f"{source} does not hold the weights of a {trunk.spatial_dims}D {trunk.backbone}: {len(problems)} tensors "
            f"differ, first: {problems[0]}. Found {len(found)} tensors, expected {len(expected)}. Pass the file of "
            "this backbone, or change the backbone."
        )


def fold_normalization(state: State) -> None:
    """Makes ImageNet weights take images from 0 to 1, which they were trained on as (x - mean) / std of each channel.

    The first convolution takes the division, the running mean of the norm behind it the shift. The features are the
    same but at the image's border, where padding now stands for 0 and not for ImageNet's mean color. The trained
    weights hold all of it: no later use has to know how the training began. A 3x3 stem starts from random weights, and
    the norm behind it takes out shift and scale: there is nothing to fold.
    """
    kernel = state["conv1.weight"]
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    state["conv1.weight"] = kernel / std
    state["bn1.running_mean"] = state["bn1.running_mean"] + (kernel * mean / std).sum(dim=(1, 2, 3))


def adapt_channels(kernel: torch.Tensor, channels: int) -> torch.Tensor:
    """Fits a first kernel (out, in, *size) to another number of image channels; a gray image gives the same feature."""
    if kernel.shape[1] == channels:
        return kernel
    if channels == 1:
        return kernel.sum(dim=1, keepdim=True)
    index = torch.arange(channels) % kernel.shape[1]
    return kernel[:, index] * (kernel.shape[1] / channels)
