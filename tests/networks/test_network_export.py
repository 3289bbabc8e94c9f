# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""TorchScript and ONNX give what eager gives, outputs by task name."""

from __future__ import annotations

import io

import pytest
import torch

from ctan_monai.networks import CTAN, HPS, MTAN, STL

PIXEL = {"level": "pixel", "out_channels": 2}
IMAGE = {"level": "image", "out_channels": 3}
METHODS = [(STL, {"dose": PIXEL}), *[(method, {"dose": PIXEL, "diagnosis": IMAGE}) for method in (HPS, MTAN, CTAN)]]

scripts = pytest.mark.filterwarnings(r"ignore:`torch\.jit\.\w+` is deprecated:DeprecationWarning")


def build(method, tasks, stem="conv7x7", **arguments):
    torch.manual_seed(0)
    return method(2, 1, tasks, backbone="resnet18", stem=stem, **arguments).eval()


def round_trip(net):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(net), buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


def assert_equal(net, scripted, x):
    with torch.no_grad():
        eager, loaded = net(x), scripted(x)
    assert list(loaded) == list(eager)
    for name in eager:
        torch.testing.assert_close(loaded[name], eager[name])


@scripts
@pytest.mark.parametrize("stem", ["conv3x3", "conv7x7"])
@pytest.mark.parametrize(("method", "tasks"), METHODS)
def test_torchscript_round_trip(method, tasks, stem):
    net = build(method, tasks, stem)
    scripted = round_trip(net)
    assert_equal(net, scripted, torch.rand(2, 1, 33, 47))
    assert_equal(net, scripted, torch.rand(1, 1, 64, 40))


@scripts
def test_torchscript_of_three_tasks_and_softmax():
    net = build(CTAN, {"a": PIXEL, "b": IMAGE, "c": PIXEL}, normalization="softmax", order="prose")
    assert_equal(net, round_trip(net), torch.rand(2, 1, 33, 47))


@scripts
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (MTAN, {"ctab": True}),
        (CTAN, {"ctab": False, "attended_skips": False}),
        (CTAN, {"shared_pool": True}),
        (CTAN, {"constant_masks": True}),
        (CTAN, {"ctab_activation": "relu", "ctab_identity": False}),
        (CTAN, {"ctab_cross": False}),
    ],
)
def test_torchscript_of_the_ablations(method, options):
    net = build(method, {"dose": PIXEL, "diagnosis": IMAGE}, **options)
    assert_equal(net, round_trip(net), torch.rand(2, 1, 33, 47))


@scripts
def test_torchscript_refuses_wrong_channels():
    with pytest.raises(torch.jit.Error, match="has 2 channels, expected 1"):
        round_trip(build(HPS, {"dose": PIXEL}))(torch.rand(1, 2, 32, 32))


@pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning")
@pytest.mark.parametrize(("method", "tasks"), METHODS)
def test_onnx(method, tasks, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = build(method, tasks)
    path = tmp_path / "net.onnx"
    # one method for images of any size, as the export of sizes takes long
    dynamic = method is CTAN
    sizes = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    torch.onnx.export(
        net,
        (torch.rand(2, 1, 48, 64),),
        path,
        input_names=["image"],
        output_names=list(tasks),
        dynamic_shapes=(sizes,) if dynamic else None,
        dynamo=True,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(tasks)
    for shape in [(2, 1, 48, 64), (1, 1, 33, 47), (1, 1, 160, 192)] if dynamic else [(2, 1, 48, 64)]:
        x = torch.rand(shape)
        with torch.no_grad():
            expected = net(x)
        for name, value in zip(tasks, session.run(None, {"image": x.numpy()}), strict=True):
            torch.testing.assert_close(torch.from_numpy(value), expected[name], rtol=1e-4, atol=1e-4)
