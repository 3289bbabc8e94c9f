# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Outputs: shapes for every method, stem, level and size; every parameter has a gradient."""

from __future__ import annotations

import pytest
import torch

from ctan_monai.networks import CTAN, HPS, MTAN, STL, WideHPS

PIXEL = {"level": "pixel", "out_channels": 3}
IMAGE = {"level": "image", "out_channels": 2}
ONE_PIXEL = {"dose": PIXEL}
ONE_IMAGE = {"diagnosis": IMAGE}
MIXED = {"segmentation": PIXEL, "diagnosis": IMAGE}
TWO_IMAGES = {"covid": IMAGE, "severity": IMAGE}
THREE = {"segmentation": PIXEL, "diagnosis": IMAGE, "dose": PIXEL}

# method, tasks, stem, input shape
SHAPE_CASES = [
    *[(method, MIXED, stem, (1, 2, 33, 47)) for method in (HPS, MTAN, CTAN) for stem in ("conv3x3", "conv7x7")],
    *[(method, THREE, "conv7x7", (2, 1, 64, 32)) for method in (HPS, MTAN, CTAN)],
    *[(method, ONE_PIXEL, "conv7x7", (1, 1, 32, 32)) for method in (STL, HPS, MTAN, CTAN)],
    *[(method, ONE_IMAGE, "conv3x3", (1, 3, 32, 32)) for method in (STL, CTAN)],
    (CTAN, TWO_IMAGES, "conv7x7", (1, 1, 32, 32)),
    *[(method, MIXED, "conv7x7", (1, 1, 32, 33, 35)) for method in (HPS, MTAN, CTAN)],
    (CTAN, MIXED, "conv3x3", (1, 1, 32, 33, 35)),
    (STL, ONE_PIXEL, "conv3x3", (1, 1, 32, 33, 35)),
]


def outputs_have_their_shapes(net, tasks, shape):
    with torch.no_grad():
        outputs = net.eval()(torch.rand(shape))
    assert list(outputs) == list(tasks)
    for name, task in tasks.items():
        spatial = shape[2:] if task["level"] == "pixel" else ()
        assert outputs[name].shape == (shape[0], task["out_channels"], *spatial)
        assert outputs[name].dtype == torch.float32
        assert outputs[name].isfinite().all()


@pytest.mark.parametrize(("method", "tasks", "stem", "shape"), SHAPE_CASES)
def test_outputs_have_the_size_of_the_input(method, tasks, stem, shape):
    net = method(len(shape) - 2, shape[1], tasks, backbone="resnet18", stem=stem)
    outputs_have_their_shapes(net, tasks, shape)


@pytest.mark.parametrize("backbone", ["resnet34", "resnet50", "resnet18_half"])
@pytest.mark.parametrize("method", [HPS, MTAN, CTAN])
def test_other_backbones(method, backbone):
    outputs_have_their_shapes(method(2, 1, MIXED, backbone, "conv7x7"), MIXED, (1, 1, 32, 40))


def test_the_half_backbone_fits_the_zoo_in_half_precision():
    """MONAI's model zoo takes files of up to 25 MB."""
    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    net = CTAN(2, 3, tasks, backbone="resnet18_half", stem="conv7x7")
    assert net.trunk.channels == [32, 64, 128, 256]
    assert 2 * sum(value.numel() for value in net.state_dict().values()) < 16e6


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("tasks", [MIXED, {"segmentation": PIXEL, "dose": PIXEL}])
@pytest.mark.parametrize(("backbone", "stem"), [("resnet18_half", "conv7x7"), ("resnet18", "conv3x3")])
def test_wide_hps_has_as_many_parameters_as_ctan(backbone, stem, tasks):
    wide, ctan = WideHPS(2, 3, tasks, backbone, stem), CTAN(2, 3, tasks, backbone, stem)
    assert parameters(wide) == pytest.approx(parameters(ctan), rel=0.02)
    assert parameters(HPS(2, 3, tasks, backbone, stem)) < 0.96 * parameters(ctan)
    outputs_have_their_shapes(wide, tasks, (1, 3, 33, 40))


def test_a_feature_enters_the_image_decoder_once():
    """HPS' bottleneck is its skip of stage 4; CTAN's is not."""
    channels = {
        net: net(2, 1, ONE_IMAGE, "resnet18", "conv7x7").decoders["diagnosis"].blocks[3][0].conv.in_channels
        for net in (HPS, STL, MTAN, CTAN)
    }
    assert channels == {HPS: 128 + 512, STL: 128 + 512, MTAN: 128 + 512, CTAN: 128 + 512 + 512}


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["conv3x3", "conv7x7"])
@pytest.mark.parametrize("method", [HPS, MTAN, CTAN])
def test_resnet101(method, stem):
    outputs_have_their_shapes(method(2, 3, MIXED, "resnet101", stem), MIXED, (1, 3, 33, 40))


@pytest.mark.slow
@pytest.mark.parametrize("method", [HPS, MTAN, CTAN])
def test_resnet50_in_3d(method):
    outputs_have_their_shapes(method(3, 1, MIXED, "resnet50", "conv7x7"), MIXED, (1, 1, 33, 32, 47))


@pytest.mark.parametrize("stem", ["conv3x3", "conv7x7"])
@pytest.mark.parametrize(
    ("method", "tasks"),
    [(STL, ONE_PIXEL), (STL, ONE_IMAGE), (HPS, MIXED), (MTAN, THREE), (CTAN, ONE_IMAGE), (CTAN, MIXED), (CTAN, THREE)],
)
def test_every_parameter_has_a_gradient(method, tasks, stem):
    torch.manual_seed(0)
    net = method(2, 1, tasks, backbone="resnet18", stem=stem)
    size = 32 if stem == "conv3x3" else 64  # stage 4 is 4x4 or 2x2: batch norm of two values has no gradient
    every_parameter_learns(net, torch.rand(2, 1, size, size))


ABLATIONS = [
    (MTAN, {"ctab": True}),
    (CTAN, {"ctab": False}),
    (CTAN, {"ctab": False, "attended_skips": False}),
    (CTAN, {"shared_pool": True}),
    (CTAN, {"constant_masks": True}),
    (CTAN, {"constant_masks": True, "ctab": False}),
    (CTAN, {"ctab_activation": "relu", "ctab_identity": False}),
    (CTAN, {"ctab_cross": False}),
    (WideHPS, {}),
]


@pytest.mark.parametrize(("method", "options"), ABLATIONS)
def test_every_parameter_of_the_ablations_has_a_gradient(method, options):
    torch.manual_seed(0)
    every_parameter_learns(method(2, 1, MIXED, "resnet18", "conv7x7", **options), torch.rand(2, 1, 64, 64))


def every_parameter_learns(net, x):
    outputs = net(x)
    sum(output.square().mean() for output in outputs.values()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("stem", ["conv3x3", "conv7x7"])
def test_a_training_batch_of_one_image(stem):
    net = CTAN(2, 1, MIXED, backbone="resnet18", stem=stem).train()
    outputs = net(torch.rand(1, 1, 64, 64))  # conv7x7: stage 4 is 2x2, and no norm may see a single value
    assert outputs["diagnosis"].shape == (1, 2)
