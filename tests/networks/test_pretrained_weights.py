# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Pre-trained weights: the trunk has torchvision's names, and wrong or unreachable files are refused clearly."""

from __future__ import annotations

import logging
from urllib.error import URLError

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets.resnet import ResNet
from monai.utils import OptionalImportError
from support import REPOSITORY

from ctan_monai.networks import HPS, Trunk, method, weights

UNITS = {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3], "resnet50": [3, 4, 6, 3]}
TASKS = {"dose": {"level": "pixel", "out_channels": 1}}


def published(backbone, dims=2, channels=3, shortcuts=True):
    """Random weights under the names and in the shapes of torchvision's ResNets, written down from its definition."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def conv(name, out_channels, in_channels, size):
        state[f"{name}.weight"] = torch.randn(out_channels, in_channels, *[size] * dims, generator=generator) * 0.05

    def norm(name, width):
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.rand(width, generator=generator) + 0.5

    conv("conv1", 64, channels, 7)
    norm("bn1", 64)
    basic = backbone in ("resnet18", "resnet34")
    before = 64
    for j, units in enumerate(UNITS[backbone]):
        width = 64 * 2**j
        after = width if basic else 4 * width
        for i in range(units):
            unit = f"layer{j + 1}.{i}"
            convs = (
                [(width, before, 3), (width, width, 3)]
                if basic
                else [(width, before, 1), (width, width, 3), (after, width, 1)]
            )
            for k, shape in enumerate(convs):
                conv(f"{unit}.conv{k + 1}", *shape)
                norm(f"{unit}.bn{k + 1}", shape[0])
            if shortcuts and i == 0 and (j > 0 or not basic):
                conv(f"{unit}.downsample.0", after, before, 1)
                norm(f"{unit}.downsample.1", after)
            before = after
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, before), torch.zeros(1000)
    return state


def save(state, path):
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("backbone", "stem", "message"),
    [
        ("resnet18", "conv7x7", "matched 100 of 100 tensors"),  # 20 convolutions and 20 norms of four
        ("resnet18", "conv3x3", "matched 99 of 100 tensors"),
        ("resnet50", "conv7x7", "matched 265 of 265 tensors"),
    ],
)
def test_all_names_match(backbone, stem, message, tmp_path, caplog):
    state = published(backbone)
    caplog.set_level(logging.INFO)
    net = HPS(2, 3, TASKS, backbone, stem, pretrained=save(state, tmp_path / "weights.pth"))
    assert message in caplog.text
    own = net.trunk.state_dict()
    for name, tensor in state.items():
        if not name.startswith("fc.") and not (name == "conv1.weight" and stem == "conv3x3"):
            assert torch.equal(own[name], tensor), name


@pytest.mark.parametrize(("backbone", "block"), [("resnet18", "basic"), ("resnet50", "bottleneck")])
def test_features_equal_monais_resnet(backbone, block, tmp_path):
    state = published(backbone)
    trunk = Trunk(2, 3, backbone, "conv7x7").eval()
    weights.load_pretrained(trunk, save(state, tmp_path / "weights.pth"))
    resnet = ResNet(
        block,
        UNITS[backbone],
        [64, 128, 256, 512],
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_stride=2,
        num_classes=1000,
        bias_downsample=False,
    ).eval()
    resnet.load_state_dict(state, strict=False)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        stem, u, p = trunk(x)
        expected = resnet.act(resnet.bn1(resnet.conv1(x)))
        assert torch.equal(stem, expected)
        expected = resnet.maxpool(expected)
        for j, layer in enumerate([resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4]):
            before_last = layer[:-1](expected)
            expected = layer(expected)
            assert torch.equal(u[j], before_last)
            assert torch.equal(p[j], expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_from_0_to_1_gives_the_features_of_a_normalized_one(channels, tmp_path):
    """Away from the border, which the 7x7 kernel of stride 2 reaches in two rows and columns."""
    path = save(published("resnet18"), tmp_path / "weights.pth")
    normalized = HPS(2, 3, TASKS, "resnet18", "conv7x7", pretrained=path).trunk.eval()
    unit = method("HPS", unit_input=True)(2, channels, TASKS, "resnet18", "conv7x7", pretrained=path).trunk.eval()
    x = torch.rand(1, channels, 48, 48)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = normalized.stem((x - mean[:, None, None]) / std[:, None, None])  # one channel: gray
    torch.testing.assert_close(unit.stem(x)[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-4, rtol=1e-5)
    assert not torch.allclose(normalized.stem(x.expand(1, 3, 48, 48)), expected, atol=0.1)


def test_normalization_of_a_kernel_by_hand():
    """A kernel that is the red channel: red / 0.229, and 0.485 / 0.229 less to subtract."""
    state = {"conv1.weight": torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1), "bn1.running_mean": torch.tensor([0.5])}
    weights.fold_normalization(state)
    assert state["conv1.weight"].flatten().tolist() == pytest.approx([4.36681, 0, 0])
    assert state["bn1.running_mean"].tolist() == pytest.approx([0.5 + 2.117904])


def test_without_pretrained_weights_nothing_changes():
    networks = []
    for unit_input in (False, True):
        torch.manual_seed(0)
        networks.append(method("CTAN", unit_input)(2, 3, TASKS, "resnet18_half", "conv7x7", pretrained=False))
    plain, unit = (network.state_dict() for network in networks)
    assert list(plain) == list(unit) and all(torch.equal(plain[name], unit[name]) for name in plain)


@pytest.mark.parametrize(
    ("bundle", "divisor"), [("openkbp", 0.229), ("prostate", 0.229), ("stoic", 0.229), ("ham10000", 1)]
)
def test_each_bundle_normalizes_once(bundle, divisor, tmp_path):
    """HAM10000's images are normalized by a transform, the CTs of the others are scaled to 0 to 1 only."""
    state = published("resnet18")
    state["conv1.weight"][:, 1:] = 0
    parser = ConfigParser()
    parser.read_config(REPOSITORY / "bundles" / bundle / "configs" / "train.json")
    path = str(save(state, tmp_path / "weights.pth"))
    parser.update({"backbone": "resnet18", "stem": "conv7x7", "pretrained": path, "method": "HPS", "device": "cpu"})
    kernel = parser.get_parsed_content("network").trunk.conv1.weight
    torch.testing.assert_close(kernel[:, 0].detach(), state["conv1.weight"][:, 0] / divisor)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(1, [[6.0]]), (2, [[1.5, 3.0]]), (3, [[1.0, 2.0, 3.0]]), (6, [[0.5, 1.0, 1.5, 0.5, 1.0, 1.5]])],
)
def test_first_kernel_fits_other_channels(channels, expected):
    kernel = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    assert weights.adapt_channels(kernel, channels)[:, :, 0, 0].tolist() == expected


def test_gray_images_load_the_summed_kernel(tmp_path):
    state = published("resnet18")
    net = HPS(2, 1, TASKS, "resnet18", "conv7x7", pretrained=str(save(state, tmp_path / "weights.pth")))
    torch.testing.assert_close(net.trunk.conv1.weight, state["conv1.weight"].sum(dim=1, keepdim=True))


def test_medicalnet_file_in_3d(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    state = {f"module.{name}": value for name, value in published("resnet18", 3, 1, shortcuts=False).items()}
    path = save({"state_dict": state}, tmp_path / "resnet_18.pth")
    net = HPS(3, 1, TASKS, "resnet18", "conv7x7", pretrained=path)
    assert "matched 85 of 100 tensors" in caplog.text  # three shortcuts of five tensors are not MedicalNet's
    assert torch.equal(net.trunk.layer4[1].conv2.weight, state["module.layer4.1.conv2.weight"])


def test_true_fetches_torchvisions_file(monkeypatch):
    calls = []

    def fetch(url, **arguments):
        calls.append((url, arguments["check_hash"], arguments["weights_only"]))
        return published("resnet18")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    HPS(2, 3, TASKS, "resnet18", "conv7x7", pretrained=True)
    assert calls == [("https://download.pytorch.org/models/resnet18-f37072fd.pth", True, True)]


def test_true_fetches_medicalnet_in_3d(monkeypatch):
    depths = []

    def fetch(depth):
        depths.append(depth)
        return published("resnet18", 3, 1, shortcuts=False)

    monkeypatch.setattr(weights, "get_pretrained_resnet_medicalnet", fetch)
    HPS(3, 1, TASKS, "resnet18", "conv7x7", pretrained=True)
    assert depths == [18]


def test_offline(monkeypatch):
    def fetch(url, **arguments):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    with pytest.raises(RuntimeError, match=r"resnet18-f37072fd\.pth.*no network.*pass its path.*pretrained=False"):
        HPS(2, 3, TASKS, "resnet18", pretrained=True)


def test_3d_without_huggingface_hub(monkeypatch):
    def fetch(depth):
        raise OptionalImportError("huggingface_hub")

    monkeypatch.setattr(weights, "get_pretrained_resnet_medicalnet", fetch)
    with pytest.raises(RuntimeError, match="pip install huggingface_hub"):
        HPS(3, 1, TASKS, "resnet18", pretrained=True)


def test_false_reaches_for_nothing(monkeypatch):
    def fetch(url, **arguments):
        raise AssertionError("reached for the network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    HPS(2, 3, TASKS, "resnet18", "conv7x7")


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("resnet50", r"not hold the weights of a 2D resnet18: .*Found 265 tensors, expected 100"),
        ("resnet34", r"found layer1\.2\.bn1\.bias, expected no such tensor"),  # holds all of resnet18's names
    ],
)
def test_file_of_another_backbone(backbone, message, tmp_path):
    path = save(published(backbone), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=message) as error:
        HPS(2, 3, TASKS, "resnet18", pretrained=path)
    assert str(path) in str(error.value)


def test_2d_file_for_a_3d_network(tmp_path):
    path = save(published("resnet18"), tmp_path / "flat.pth")
    with pytest.raises(
        ValueError, match=r"3D resnet18.*found conv1\.weight \(64, 3, 7, 7\), expected \(64, 3, 7, 7, 7\)"
    ):
        HPS(3, 1, TASKS, "resnet18", pretrained=path)


def test_file_that_is_no_weights(tmp_path):
    path = tmp_path / "notes.pth"
    path.write_text("not weights")
    with pytest.raises(ValueError, match=r"notes\.pth is not a file of PyTorch weights"):
        HPS(2, 3, TASKS, "resnet18", pretrained=path)
    with pytest.raises(ValueError, match=r"list\.pth holds no state dict: found list"):
        HPS(2, 3, TASKS, "resnet18", pretrained=save([1, 2], tmp_path / "list.pth"))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file of pre-trained weights at .*absent\.pth"):
        HPS(2, 3, TASKS, "resnet18", pretrained=tmp_path / "absent.pth")
